#include "process_bench.hpp"

#include "executors/process/warden/cgroup_tree.hpp"
#include "executors/process/warden/procfs.hpp"
#include "executors/process/warden/protocol.hpp"

#include "support/catch.hpp"
#include "support/skip_test.hpp"

#include <algorithm>
#include <csignal>
#include <string>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

// Control groups: their rules, and the limits of real attempts where this host permits them.

using namespace muster;
using namespace muster::test;
using namespace muster::process;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

constexpr std::int64_t mebi = 1 << 20;

process_config limited() {
  process_config config;
  config.enforce_limits = true;
  config.most_processes = 40;
  return config;
}

/// False, and says why, where no limits can be enforced.
bool can_limit() {
  if (!why_no_limits().empty())
    skip_test(why_no_limits());
  return why_no_limits().empty();
}

/// An attempt with limits.
attempt_spec bounded(const process_bench& b, const std::string& script, std::uint32_t task = 0) {
  auto x = b.shell(script, task);
  x.resource.memory = 64 * mebi;
  x.resource.cpu = 1;
  return x;
}

/// Folders of control groups that the warden of `state` listed.
std::vector<fs::path> bases_of(const fs::path& state) {
  std::vector<fs::path> out;
  std::istringstream lines{read_text(state / "warden/cgroups")};
  for (std::string line; std::getline(lines, line);)
    out.emplace_back(line);
  return out;
}

bool any_exists(const std::vector<fs::path>& folders) {
  return std::any_of(folders.begin(), folders.end(), [](const fs::path& x) { return fs::exists(x); });
}

/// The content of a file of the group of `x`; empty if no hierarchy has it.
std::string group_file(const process_bench& b, const attempt_spec& x, const std::string& name) {
  for (const auto& base : bases_of(b.state))
    if (fs::exists(base / to_string(x.id) / name))
      return read_text(base / to_string(x.id) / name);
  return {};
}

bool is_ready(const attempt_spec& x) {
  return eventually([&] { return fs::exists(x.folder / "work/ready"); });
}

} // namespace

TEST_CASE("mounted hierarchies are found, and where this process is in them") {
  const auto mounts =
      parse_cgroup_mounts("31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
                          "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,a shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
                          "33 31 0:31 /docker/abc /sys/fs/cgroup/my\\040memory rw - cgroup cgroup rw,memory\n"
                          "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
                          "nonsense\n");
  REQUIRE(mounts.size() == 3);
  CHECK(mounts[0].controllers == std::vector<std::string>{"rw", "cpu", "cpuacct"});
  CHECK(mounts[1].point == "/sys/fs/cgroup/my memory");
  CHECK(mounts[2].unified);

  const std::string own = "5:name=systemd:/\n4:memory:/docker/abc/x:y\n2:cpu,cpuacct:/\n0::/user.slice\n";
  CHECK(group_in(own, "memory") == "/docker/abc/x:y");
  CHECK(group_in(own, "cpu") == "/");
  CHECK(group_in(own, "") == "/user.slice");
  CHECK_FALSE(group_in(own, "pids").has_value());

  CHECK(folder_of(mounts[0], "/") == "/sys/fs/cgroup/cpu,cpuacct");
  CHECK(folder_of(mounts[0], "/a/b") == "/sys/fs/cgroup/cpu,cpuacct/a/b");
  CHECK(folder_of(mounts[1], "/docker/abc/x") == "/sys/fs/cgroup/my memory/x");
  CHECK(folder_of(mounts[1], "/docker/abc") == "/sys/fs/cgroup/my memory");
  CHECK(folder_of(mounts[1], "/docker/abcd") == "/sys/fs/cgroup/my memory"); // Not below, only spelled alike.
}

TEST_CASE("limits become the values of either version") {
  const auto text = [](const attempt_limits& limits, const char* controller, bool unified) {
    std::string out;
    for (const auto& x : settings_of(limits, controller, unified))
      out += x.file + (x.may_fail ? "?=" : "=") + x.value + ';';
    return out;
  };
  const attempt_limits some{1024, 3, 7};
  CHECK(text(some, "memory", true) == "memory.max=1024;memory.swap.max?=0;");
  CHECK(text(some, "memory", false) == "memory.limit_in_bytes=1024;memory.memsw.limit_in_bytes?=1024;");
  CHECK(text(some, "cpu", true) == "cpu.max=300000 100000;");
  CHECK(text(some, "cpu", false) == "cpu.cfs_period_us=100000;cpu.cfs_quota_us=300000;");
  CHECK(text(some, "pids", true) == "pids.max=7;");
  CHECK(text(some, "pids", false) == "pids.max=7;");
  for (const auto* controller : needed_controllers)
    CHECK(text({}, controller, true).empty());
  CHECK(text({0, INT64_MAX, 0}, "cpu", true) == "cpu.max=10000000000 100000;");
}

TEST_CASE("what a group says of itself") {
  CHECK(parse_oom_kills("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n") == 3);
  CHECK(parse_oom_kills("low 0\nhigh 0\nmax 9\noom 2\noom_kill 1\noom_group_kill 0\n") == 1);
  CHECK(parse_oom_kills("") == 0);
  CHECK(parse_oom_kills("oom_kill x\n") == 0);
  CHECK(attempt_in("8:pids:/a/muster-1-2/7.0.1\n", "muster-1-2") == "7.0.1");
  CHECK(attempt_in("0::/muster-1-2/7.0.1/below\n", "muster-1-2") == "7.0.1");
  CHECK_FALSE(attempt_in("0::/muster-1-22/7.0.1\n", "muster-1-2").has_value());
  CHECK(holds_words("cpu memory pids\n", {"pids", "cpu"}));
  CHECK_FALSE(holds_words("cpuset memory\n", {"cpu"}));
}

TEST_CASE("a missing controller is named, with what to do") {
  const auto found = find_cgroup_parents("32 31 0:29 / /nowhere/cpu rw - cgroup cgroup rw,cpu\n", "2:cpu:/\n");
  REQUIRE_FALSE(found.ok());
  CHECK(found.failure().code == ec::unsupported);
  CHECK_THAT(found.failure().message, ContainsSubstring("memory"));
  CHECK_THAT(found.failure().message, ContainsSubstring("--enforce-limits=false"));
}

TEST_CASE("with version 2 the nearest group that can pass its controllers on is the parent") {
  scratch dir;
  const auto root = dir.path();
  const auto mountinfo = "41 31 0:38 / " + root.string() + " rw - cgroup2 cgroup2 rw\n";
  const std::string own = "0::/user/session\n";
  write_text(root / "cgroup.controllers", "cpuset cpu io memory pids\n");
  write_text(root / "user/cgroup.controllers", "cpu memory pids\n");
  write_text(root / "user/cgroup.subtree_control", "memory pids\n");
  write_text(root / "user/session/cgroup.controllers", "memory pids\n");
  auto found = find_cgroup_parents(mountinfo, own);
  REQUIRE(found.ok());
  REQUIRE(found->size() == 1);
  CHECK(found->front().unified);
  CHECK(found->front().folder == (root / "user").string());
  CHECK(found->front().controllers == std::vector<std::string>{"memory", "cpu", "pids"});
  CHECK_THAT(read_text(root / "user/cgroup.subtree_control"), ContainsSubstring("+memory +cpu +pids"));

  // Where version 1 has some of them, version 2 is asked for the others only.
  const auto mixed = "32 31 0:29 / /v1/cpu rw - cgroup cgroup rw,cpu\n" + mountinfo;
  write_text(root / "user/session/cgroup.subtree_control", "memory pids\n");
  found = find_cgroup_parents(mixed, "2:cpu:/a\n" + own);
  REQUIRE(found.ok());
  REQUIRE(found->size() == 2);
  CHECK(found->front().folder == "/v1/cpu/a");
  CHECK(found->back().folder == (root / "user/session").string());

  fs::remove(root / "user/cgroup.subtree_control"); // It cannot be written: processes are in there.
  found = find_cgroup_parents(mountinfo, own);
  REQUIRE_FALSE(found.ok());
  CHECK(found.failure().code == ec::unsupported);
}

TEST_CASE("a group of version 2 is joined, killed and removed") {
  const auto mounts = parse_cgroup_mounts(read_small_file("/proc/self/mountinfo"));
  const auto unified = std::find_if(mounts.begin(), mounts.end(), [](const cgroup_mount& x) { return x.unified; });
  const auto own = group_in(read_small_file("/proc/self/cgroup"), "");
  const auto parent = unified == mounts.end() || !own ? std::string{} : folder_of(*unified, *own);
  if (parent.empty() || ::access(parent.c_str(), W_OK) != 0)
    return skip_test("no writable hierarchy of version 2 is mounted here");
  const auto name = "muster-test-" + std::to_string(::getpid());
  const auto made = attempt_cgroup::make({{parent, {}, true}}, name, {});
  REQUIRE((made ? "" : made.failure().message) == std::string{});
  const auto files = made->join_files();
  REQUIRE(files.size() == 1);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    static_cast<void>(::fork()); // Both are in it.
    if (::write(files.front(), "0", 1) != 1)
      ::_exit(1);
    for (;;)
      ::pause();
  }
  CHECK(eventually([&] { return made->processes().size() == 2; }));
  CHECK_FALSE(made->remove());
  made->kill_all();
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
  CHECK(eventually([&] { return made->remove(); }));
  CHECK_FALSE(fs::exists(parent + '/' + name));
}

TEST_CASE("limits travel to the warden") {
  wire::start_request x;
  x.folder = "/f";
  std::string out;
  wire::write(out, x);
  CHECK_FALSE(wire::read_start(std::string_view{out}.substr(5))->limits.has_value());
  x.limits = attempt_limits{1, 2, 3};
  out.clear();
  wire::write(out, x);
  const auto read = wire::read_start(std::string_view{out}.substr(5));
  REQUIRE(read.has_value());
  REQUIRE(read->limits.has_value());
  CHECK(read->limits->memory == 1);
  CHECK(read->limits->cpu == 2);
  CHECK(read->limits->processes == 3);
  // Cut anywhere, it is refused.
  for (std::size_t size = 0; size < out.size() - 5; ++size)
    CHECK_FALSE(wire::read_start(std::string_view{out}.substr(5, size)).has_value());
}

TEST_CASE("groups that a copied or forged list names are left alone") {
  scratch dir;
  const auto warden = dir.path() / "warden";
  const auto others = dir.path() / "muster-1-2";
  fs::create_directories(warden);
  fs::create_directories(others / "1.0.0");
  write_text(warden / "cgroups", others.string() + "\n/\nmuster\n\n");
  cgroup_tree tree{warden.string()};
  CHECK(tree.leftovers().empty());
  tree.close();
  CHECK(fs::exists(others / "1.0.0"));
}

TEST_CASE("a task that uses more than its memory is killed, and it is said why") {
  if (!can_limit())
    return;
  process_bench b{limited()};
  auto seen = b.run(bounded(b, "dd if=/dev/zero of=/dev/null bs=200M count=1; exit 1"));
  CHECK(seen.exited->out_of_memory);
  CHECK(seen.exited->code == 1);
  seen = b.run(bounded(b, "exec dd if=/dev/zero of=/dev/null bs=200M count=1", 1));
  CHECK(seen.exited->out_of_memory);
  CHECK(seen.exited->signal == SIGKILL);
  CHECK(seen.exited->message == "killed: it used more than its 64Mi of memory; ask for more in resources.memory");
  // It coped with the loss of a child.
  seen = b.run(bounded(b, "dd if=/dev/zero of=/dev/null bs=200M count=1; exit 0", 2));
  CHECK(seen.exited->code == 0);
  CHECK_FALSE(seen.exited->out_of_memory);
  CHECK_THAT(seen.exited->message, ContainsSubstring("64Mi"));
  // Killed, but not for its memory.
  seen = b.run(bounded(b, "kill -9 $$", 3));
  CHECK(seen.exited->signal == SIGKILL);
  CHECK_FALSE(seen.exited->out_of_memory);
}

TEST_CASE("memory, CPU time and processes are limited to what was asked for") {
  if (!can_limit())
    return;
  process_bench b{limited()};
  const auto x = bounded(b, "touch ready; while [ ! -e go ]; do sleep 0.01; done");
  b.start(x);
  REQUIRE(is_ready(x));
  const auto quota = group_file(b, x, "cpu.cfs_quota_us") + group_file(b, x, "cpu.max");
  CHECK_THAT(quota, ContainsSubstring("100000"));
  const auto memory = group_file(b, x, "memory.limit_in_bytes") + group_file(b, x, "memory.max");
  CHECK(memory == std::to_string(64 * mebi) + '\n');
  CHECK(group_file(b, x, "pids.max") == "40\n");
  // Its short children come and go between the two lists.
  CHECK(eventually([&] {
    const auto pids = processes_with("MUSTER_ATTEMPT_FOLDER=" + x.folder.string());
    const auto inside = '\n' + group_file(b, x, "cgroup.procs");
    return !pids.empty() && std::all_of(pids.begin(), pids.end(), [&](auto pid) {
      return inside.find('\n' + std::to_string(pid) + '\n') != std::string::npos;
    });
  }));
  const auto bases = bases_of(b.state);
  write_text(x.folder / "work/go", "");
  CHECK(b.heard.wait_end(x.id).exited->code == 0);
  // What has just died may still hold it for a moment.
  for (const auto& base : bases)
    CHECK(eventually([&] { return !fs::exists(base / to_string(x.id)); }));
}

TEST_CASE("a fork bomb is bounded, and ended by a stop") {
  if (!can_limit())
    return;
  process_bench b{limited()};
  const auto x = bounded(b, "trap '' TERM; touch ready; bomb() { while :; do bomb & sleep 0.01; done; }; "
                            "bomb 2>/dev/null & exec sleep 3600");
  b.start(x);
  REQUIRE(is_ready(x));
  const auto named = [&] { return processes_with("MUSTER_ATTEMPT_FOLDER=" + x.folder.string()).size(); };
  REQUIRE(
      eventually([&] { return group_file(b, x, "pids.events").find("max 0") == std::string::npos && named() > 5; }));
  // A walk through /proc would also count those that have ended meanwhile.
  CHECK(std::stoi(group_file(b, x, "pids.current")) <= 40);
  b->stop(x.id, 50ms);
  const auto seen = b.heard.wait_end(x.id);
  REQUIRE(seen.exited.has_value());
  CHECK(seen.exited->signal == SIGKILL);
  CHECK(named() == 0);
}

TEST_CASE("daemons that hide end with their task, and with nobody else's") {
  if (!can_limit())
    return;
  process_bench b{limited()};
  const auto stay_time = unique_seconds();
  const auto hide_time = unique_seconds();
  const auto stays = bounded(b, "touch ready; env -i setsid sleep " + stay_time + " & wait", 1);
  b.start(stays);
  REQUIRE(is_ready(stays));
  const auto inside = [&] { return group_file(b, stays, "cgroup.procs"); };
  REQUIRE(eventually([&] { return sleeps(stay_time) && !inside().empty(); }));
  const auto seen = b.run(bounded(b,
                                  "(env -i setsid sh -c 'trap \"\" TERM; touch ready; sleep " + hide_time +
                                      "' &) >/dev/null 2>&1; "
                                      "while ! [ -e ready ]; do :; done; exit 3",
                                  2));
  CHECK(seen.exited->code == 3);
  CHECK_THAT(seen.exited->message, ContainsSubstring("left behind"));
  CHECK_FALSE(sleeps(hide_time));
  CHECK(sleeps(stay_time));
  b->stop(stays.id, 0ms);
  CHECK(b.heard.wait_end(stays.id).exited.has_value());
  CHECK_FALSE(sleeps(stay_time));
}

TEST_CASE("groups that a task made below its own do not hide anything") {
  if (!can_limit())
    return;
  process_bench b{limited()};
  const auto x = bounded(b, "touch ready; sleep 60");
  b.start(x);
  REQUIRE(is_ready(x));
  // As a task that runs as root could.
  std::vector<fs::path> made;
  for (const auto& base : bases_of(b.state)) {
    made.push_back(base / to_string(x.id) / "below");
    REQUIRE(::mkdir(made.back().c_str(), 0755) == 0);
  }
  CHECK(any_exists(made));
  b->stop(x.id, 0ms);
  CHECK(b.heard.wait_end(x.id).exited.has_value());
  CHECK(eventually([&] { return !any_exists(made); }));
}

TEST_CASE("a command that cannot run leaves no group") {
  if (!can_limit())
    return;
  std::vector<fs::path> bases;
  {
    process_bench b{limited()};
    auto x = bounded(b, "");
    x.task.command = {(b.state / "plain").string()};
    write_text(b.state / "plain", "no program\n");
    CHECK(b.run(x).exited->code == 126);
    bases = bases_of(b.state);
    REQUIRE(any_exists(bases));
  }
  CHECK(eventually([&] { return !any_exists(bases); })); // The warden ends when nothing is left to do.
}

TEST_CASE("runs without limits make no groups") {
  process_bench b;
  CHECK(b.run("exit 0").exited->code == 0);
  CHECK(bases_of(b.state).empty());
}

TEST_CASE("a killed warden's groups: survivors keep theirs, the rest goes at the next start") {
  if (!can_limit())
    return;
  std::vector<fs::path> bases;
  {
    process_bench b{limited()};
    const auto seconds = unique_seconds();
    const auto x = bounded(b, "touch ready; env -i setsid sleep " + seconds + " & wait", 1);
    b.start(x);
    REQUIRE(is_ready(x));
    REQUIRE(eventually([&] { return sleeps(seconds); }));
    bases = bases_of(b.state);
    REQUIRE_FALSE(bases.empty());
    // One without an attempt, as a warden leaves it that is killed between two steps.
    for (const auto& base : bases)
      fs::create_directory(base / "9.9.9");
    const auto first = b.warden();
    ::kill(first, SIGKILL);
    REQUIRE(eventually([&] { return b.warden() != 0 && b.warden() != first; }));
    CHECK(b.run(bounded(b, "exit 6", 2)).exited->code == 6);
    for (const auto& base : bases) {
      CHECK_FALSE(fs::exists(base / "9.9.9"));
      CHECK(fs::exists(base / to_string(x.id)));
    }
    b->stop(x.id, 5'000ms);
    const auto seen = b.heard.wait_end(x.id);
    REQUIRE(seen.exited.has_value());
    CHECK(seen.exited->signal == SIGTERM);
    CHECK_FALSE(sleeps(seconds));
  }
  CHECK(eventually([&] { return !any_exists(bases); }));
}

TEST_CASE("runtime and warden killed together: the next start removes their groups, also one without limits") {
  if (!can_limit())
    return;
  scratch dir;
  std::vector<fs::path> bases;
  auto x = make_spec(dir.path());
  x.task.command = {"/bin/sh", "-c", "touch ready; exec sleep 3603"};
  x.resource.memory = 64 * mebi;
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    auto config = limited();
    config.state_directory = dir.path();
    const auto driver = make_process_driver(std::move(config));
    recorder heard;
    if (!driver->probe())
      ::_exit(1);
    driver->listen(heard);
    driver->prepare(x);
    heard.wait_prepared(x.id);
    driver->start(x.id);
    heard.wait_started(x.id);
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  REQUIRE(is_ready(x));
  bases = bases_of(dir.path());
  REQUIRE_FALSE(bases.empty());
  pid_t warden = 0;
  for (const auto pid : all_processes()) {
    const auto words = read_small_file(("/proc/" + std::to_string(pid) + "/cmdline").c_str());
    if (words.find("muster-warden") == 0 && words.find(dir.path().string()) != std::string::npos && is_alive(pid))
      warden = pid;
  }
  REQUIRE(warden != 0);
  ::kill(warden, SIGKILL);
  REQUIRE(eventually([&] { return !is_alive(warden); }));
  {
    process_bench b{dir.path()};
    const auto found = b->adopt({x});
    REQUIRE(found.ok());
    CHECK(found->front() == adoption::running);
    b->stop(x.id, 1'000ms);
    const auto seen = b.heard.wait_end(x.id);
    REQUIRE(seen.exited.has_value());
    CHECK(seen.exited->signal == SIGTERM);
  }
  CHECK(eventually([&] { return !any_exists(bases); }));
}
