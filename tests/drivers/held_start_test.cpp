#include "process_bench.hpp"
#include "warden_alone.hpp"

#include "executors/process/warden/held_starts.hpp"
#include "executors/process/warden/holder.hpp"
#include "executors/process/warden/procfs.hpp"

#include "support/catch.hpp"
#include "support/skip_test.hpp"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

// Members of gangs: their processes are made while they are prepared, and held until they may start.

using namespace muster;
using namespace muster::test;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

bool has_sandbox() {
  static const bool works = std::system("bwrap --dev-bind / / true >/dev/null 2>&1") == 0;
  return works;
}

/// A bench whose members run in a sandbox, or where there is none.
struct gang_bench {
  explicit gang_bench(bool sandboxed, process_config config = {}) {
    const std::string path = std::getenv("PATH");
    if (!sandboxed)
      ::setenv("PATH", "/nowhere", 1);
    bench = std::make_unique<process_bench>(std::move(config));
    ::setenv("PATH", path.c_str(), 1);
  }
  process_bench& operator*() const { return *bench; }
  std::unique_ptr<process_bench> bench;
};

/// With and without a sandbox, where this host has one.
bool sandboxed_or_not() {
  const bool sandboxed = GENERATE(false, true);
  if (sandboxed && !has_sandbox()) {
    WARN("without a sandbox alone: bubblewrap cannot make a mount namespace here");
    return false;
  }
  return sandboxed;
}

void make_member(attempt_spec& x) {
  x.peers = {{x.task.name, "127.0.0.1"}, {"other", "127.0.0.2"}};
}

/// A member that leaves a line in its work folder each time it runs, and runs `script`.
attempt_spec member(const process_bench& b, const std::string& script = "true", std::uint32_t task = 0) {
  auto x = b.shell("/bin/echo ran >> ran; " + script, task);
  make_member(x);
  return x;
}

std::string runs_of(const attempt_spec& x) {
  return read_text(x.folder / "work/ran");
}

std::vector<pid_t> processes_of(const attempt_spec& x) {
  return processes_with("MUSTER_ATTEMPT_FOLDER=" + x.folder.string());
}

/// Where a program can be that a member sees in the sandbox too: it has a /tmp of its own, where only its workflow is.
fs::path shared_file(const process_bench& b, const std::string& name) {
  return b.shell("").folder.parent_path() / name;
}

/// Those of its processes that wait to become its program.
std::vector<pid_t> holders_of(const attempt_spec& x) {
  auto all = processes_of(x);
  const auto is_another = [](pid_t pid) {
    std::error_code failed;
    const auto file = fs::read_symlink("/proc/" + std::to_string(pid) + "/exe", failed);
    return file.string().find("muster-holder") == std::string::npos;
  };
  all.erase(std::remove_if(all.begin(), all.end(), is_another), all.end());
  return all;
}

bool nothing_lives_of(const attempt_spec& x) {
  return eventually([&] { return processes_of(x).empty(); });
}

fs::path log_file(const attempt_spec& x) {
  return x.folder.string() + ".log";
}

void check_held(const attempt_spec& x) {
  CHECK(holders_of(x).size() == 1);
  CHECK(runs_of(x).empty());
  CHECK_FALSE(fs::exists(log_file(x)));
}

} // namespace

TEST_CASE("that the last of those that get ready is there is told at once") {
  warden_alone warden;
  auto& news = warden.news;
  for (std::uint32_t task = 0; task < 4; ++task)
    warden.state.hold(warden.sleeper(task), news);
  const auto until = std::chrono::steady_clock::now() + 30s;
  while (news.can_wait && std::chrono::steady_clock::now() < until) {
    pollfd ready{warden.state.held_file(), POLLIN, 0};
    ::poll(&ready, 1, 1000);
    warden.state.advance(news);
  }
  CHECK_FALSE(news.can_wait);
  process::wire::frame_reader said;
  std::memcpy(said.space(news.frames.size()), news.frames.data(), news.frames.size());
  said.added(news.frames.size());
  std::size_t held = 0;
  while (const auto frame = said.next())
    held += frame->what == process::wire::kind::held ? 1U : 0U;
  CHECK(held == 4);
  warden.state.drop_waiting();
}

TEST_CASE("a member of a gang is there before it may start, and runs when it may") {
  const gang_bench gang{sandboxed_or_not()};
  auto& b = *gang;
  const auto x = member(b, "/bin/ls /proc/$$/fd; echo $0; exit 7");
  REQUIRE(b.prepare(x).prepared->ok());
  check_held(x);
  b->start(x.id);
  const auto seen = b.heard.wait_end(x.id);
  CHECK(seen.calls == std::vector<std::string>{"prepared", "started", "exited"});
  CHECK(seen.exited->code == 7);
  CHECK(seen.exited->message.empty());
  CHECK(seen.exited->ended >= seen.exited->started);
  CHECK(seen.exited->started > timestamp{});
  CHECK(runs_of(x) == "ran\n");
  // It has the files that any task has, and its own name.
  CHECK(b.log_of(x) == "0\n1\n2\n/bin/sh\n");
  CHECK_FALSE(fs::exists(x.folder / "held.log"));
  b->start(x.id);
  b.run(b.shell("true", 99));
  CHECK(runs_of(x) == "ran\n");
}

TEST_CASE("a task that is alone is not made before it starts") {
  process_bench b;
  const auto x = b.shell("true");
  REQUIRE(b.prepare(x).prepared->ok());
  CHECK(processes_of(x).empty());
  auto quick = b.shell("true", 1);
  make_member(quick);
  quick.then_start = true;
  b->prepare(quick);
  CHECK(b.heard.wait_end(quick.id).calls == std::vector<std::string>{"started", "exited"});
}

TEST_CASE("a member that is held can be stopped, and never runs") {
  const gang_bench gang{sandboxed_or_not()};
  auto& b = *gang;
  const auto x = member(b);
  REQUIRE(b.prepare(x).prepared->ok());
  b->stop(x.id, 10s);
  const auto seen = b.heard.wait_end(x.id);
  REQUIRE(seen.exited);
  CHECK(seen.exited->signal == SIGTERM);
  CHECK(seen.exited->started == timestamp{});
  CHECK(seen.exited->message == "stopped before its start");
  CHECK(nothing_lives_of(x));
  CHECK(runs_of(x).empty());
  CHECK_FALSE(fs::exists(log_file(x)));
  b->remove(x.id);
  CHECK(eventually([&] { return !fs::exists(x.folder); }));
}

TEST_CASE("a member that is stopped while its process is made never runs, and can be prepared again") {
  const gang_bench gang{sandboxed_or_not()};
  auto& b = *gang;
  b.run(b.shell("true", 99));
  const auto warden = b.warden();
  REQUIRE(warden != 0);
  REQUIRE(::kill(warden, SIGSTOP) == 0);
  const auto x = member(b);
  b->prepare(x);
  REQUIRE(eventually([&] { return fs::exists(x.folder / "peers.json"); }));
  b->stop(x.id, 10s);
  const auto seen = b.heard.wait_prepared(x.id);
  REQUIRE(seen.prepared);
  CHECK(seen.prepared->failure().code == ec::canceled);
  REQUIRE(::kill(warden, SIGCONT) == 0);
  b.run(b.shell("true", 98)); // The warden has heard of both.
  CHECK(nothing_lives_of(x));
  CHECK_FALSE(fs::exists(log_file(x)));
  CHECK_FALSE(fs::exists(x.folder));
  b->prepare(x);
  REQUIRE(eventually([&] { return b.heard.of(x.id).calls == std::vector<std::string>{"prepared", "prepared"}; }));
  check_held(x);
  b->start(x.id);
  CHECK(b.heard.wait_end(x.id).exited->code == 0);
  CHECK(runs_of(x) == "ran\n");
}

TEST_CASE("a member that is removed before its start leaves nothing") {
  const gang_bench gang{sandboxed_or_not()};
  auto& b = *gang;
  const auto x = member(b);
  REQUIRE(b.prepare(x).prepared->ok());
  b->remove(x.id);
  CHECK(nothing_lives_of(x));
  CHECK_FALSE(fs::exists(x.folder));
  CHECK_FALSE(fs::exists(log_file(x)));
}

TEST_CASE("when the warden is killed, members that it held end without a run, and can be started by the next") {
  const gang_bench gang{sandboxed_or_not()};
  auto& b = *gang;
  const auto x = member(b);
  REQUIRE(b.prepare(x).prepared->ok());
  const auto held = processes_of(x);
  CHECK_FALSE(held.empty());
  const auto old = b.warden();
  REQUIRE(old != 0);
  ::kill(old, SIGKILL);
  CHECK(eventually([&] { return std::none_of(held.begin(), held.end(), is_alive); }));
  CHECK(runs_of(x).empty());
  CHECK_FALSE(fs::exists(log_file(x)));
  REQUIRE(eventually([&] { return b.warden() != 0 && b.warden() != old; }));
  b->start(x.id);
  const auto seen = b.heard.wait_end(x.id);
  REQUIRE(seen.exited);
  CHECK(seen.exited->code == 0);
  CHECK(seen.calls == std::vector<std::string>{"prepared", "started", "exited"});
  CHECK(runs_of(x) == "ran\n");
}

TEST_CASE("a member that is being made when the warden is killed is prepared all the same") {
  process_bench b;
  b.run(b.shell("true", 99));
  const auto warden = b.warden();
  REQUIRE(warden != 0);
  REQUIRE(::kill(warden, SIGSTOP) == 0);
  const auto x = member(b);
  b->prepare(x);
  REQUIRE(eventually([&] { return fs::exists(x.folder / "peers.json"); }));
  REQUIRE(::kill(warden, SIGKILL) == 0);
  REQUIRE(b.heard.wait_prepared(x.id).prepared);
  b->start(x.id);
  REQUIRE(b.heard.wait_end(x.id).exited);
  CHECK(runs_of(x) == "ran\n");
}

TEST_CASE("when the runtime is killed, members that it prepared end without a run and count as never started") {
  scratch folder;
  auto x = make_spec(folder.path());
  x.task.command = {"/bin/sh", "-c", "/bin/echo ran >> ran"};
  make_member(x);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    process_config config;
    config.state_directory = folder.path();
    const auto driver = make_process_driver(std::move(config));
    recorder heard;
    if (!driver->probe())
      ::_exit(1);
    driver->listen(heard);
    driver->prepare(x);
    const auto seen = heard.wait_prepared(x.id);
    if (!seen.prepared || !seen.prepared->ok() || holders_of(x).size() != 1)
      ::_exit(2);
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
  CHECK(nothing_lives_of(x));
  process_bench b{folder.path()};
  const auto found = b->adopt({x});
  REQUIRE(found);
  CHECK(*found == std::vector<adoption>{adoption::never_started});
  CHECK(runs_of(x).empty());
  CHECK(b.run(x).exited->code == 0);
  CHECK(runs_of(x) == "ran\n");
  b->remove(x.id);
  CHECK(eventually([&] { return !fs::exists(x.folder); }));
}

TEST_CASE("a member whose held process was killed is started like any other") {
  const gang_bench gang{sandboxed_or_not()};
  auto& b = *gang;
  const auto x = member(b);
  REQUIRE(b.prepare(x).prepared->ok());
  const auto held = processes_of(x);
  for (const auto pid : held)
    ::kill(pid, SIGKILL);
  REQUIRE(nothing_lives_of(x));
  b->start(x.id);
  const auto seen = b.heard.wait_end(x.id);
  REQUIRE(seen.exited);
  CHECK(seen.exited->code == 0);
  CHECK(runs_of(x) == "ran\n");
  CHECK(b.log_of(x).empty());
}

TEST_CASE("a program that is gone when a member starts is told as for any task") {
  const gang_bench gang{sandboxed_or_not()};
  auto& b = *gang;
  const auto program = shared_file(b, "program");
  const auto run = [&](std::uint32_t task, bool is_member) {
    write_text(program, "#!/bin/sh\n");
    REQUIRE(::chmod(program.c_str(), 0755) == 0);
    auto x = b.shell("", task);
    x.task.command = {program.string()};
    if (is_member)
      make_member(x);
    REQUIRE(b.prepare(x).prepared->ok());
    fs::remove(program);
    b->start(x.id);
    const auto seen = b.heard.wait_end(x.id);
    CHECK(seen.calls == std::vector<std::string>{"prepared", "started", "exited"});
    REQUIRE(seen.exited);
    return std::make_tuple(seen.exited->code, seen.exited->signal, seen.exited->message, b.log_of(x));
  };
  const auto alone = run(1, false);
  CHECK(std::get<0>(alone) == 127);
  CHECK_THAT(std::get<3>(alone), ContainsSubstring("muster: cannot run '" + program.string() + "'"));
  CHECK(run(2, true) == alone);
}

TEST_CASE("a command that is not found, or cannot be executed, is told as before") {
  const gang_bench gang{sandboxed_or_not()};
  auto& b = *gang;
  auto missing = member(b);
  missing.task.command = {"/no/such/program"};
  auto seen = b.run(missing);
  CHECK(seen.exited->code == 127);
  CHECK_THAT(b.log_of(missing), ContainsSubstring("muster: "));
  CHECK(processes_of(missing).empty());
  auto folder = member(b, "", 1);
  folder.task.command = {"/etc"};
  CHECK(b.run(folder).exited->code == 126);
}

TEST_CASE("a script that does not say by what is run for a member of a gang as before") {
  const bool sandboxed = sandboxed_or_not();
  const gang_bench gang{sandboxed};
  auto& b = *gang;
  const auto script = shared_file(b, "script");
  write_text(script, "echo \"$1\"; exit 5\n");
  REQUIRE(::chmod(script.c_str(), 0755) == 0);
  auto x = member(b);
  x.task.command = {script.string(), "word"};
  const auto seen = b.run(x);
  if (sandboxed) { // Bubblewrap does as a shell would.
    CHECK(seen.exited->code == 5);
    CHECK(b.log_of(x) == "word\n");
  } else {
    CHECK(seen.exited->code == 126);
    CHECK(seen.exited->message == "the command '" + script.string() + "' cannot be run: Exec format error");
  }
}

TEST_CASE("a member whose process cannot be made is not prepared, and nothing is left") {
  process_bench b;
  const auto x = member(b);
  fs::create_directories(x.folder / "held.log/in the way");
  const auto seen = b.prepare(x);
  REQUIRE(seen.prepared);
  REQUIRE_FALSE(seen.prepared->ok());
  CHECK(seen.prepared->failure().code == ec::io_error);
  CHECK_FALSE(fs::exists(x.folder));
  CHECK(processes_of(x).empty());
}

TEST_CASE("a member that was started meanwhile, as its log says, is not started again") {
  const gang_bench gang{sandboxed_or_not()};
  auto& b = *gang;
  const auto x = member(b);
  REQUIRE(b.prepare(x).prepared->ok());
  write_text(log_file(x), "an earlier start");
  b->start(x.id);
  const auto seen = b.heard.wait_started(x.id);
  REQUIRE(seen.started);
  REQUIRE_FALSE(seen.started->ok());
  CHECK(seen.started->failure().code == ec::conflict);
  CHECK(nothing_lives_of(x));
  CHECK(runs_of(x).empty());
  CHECK(b.log_of(x) == "an earlier start");
}

TEST_CASE("a member that runs is stopped, killed and adopted like any task") {
  const gang_bench gang{sandboxed_or_not()};
  auto& b = *gang;
  const auto polite = member(b, "exec /bin/sleep 1000", 1);
  b.start(polite);
  b->stop(polite.id, 60s);
  CHECK(b.heard.wait_end(polite.id).exited->signal == SIGTERM);
  const auto stubborn = member(b, "trap '' TERM; touch ready; while :; do /bin/sleep 0.05; done", 2);
  b.start(stubborn);
  REQUIRE(eventually([&] { return !runs_of(stubborn).empty(); }));
  b->stop(stubborn.id, 0ms);
  CHECK(b.heard.wait_end(stubborn.id).exited->signal == SIGKILL);
  CHECK(nothing_lives_of(stubborn));
  const auto survivor = member(b, "while [ ! -e go ]; do /bin/sleep 0.01; done", 3);
  b.start(survivor);
  const auto old = b.warden();
  ::kill(old, SIGKILL);
  REQUIRE(eventually([&] { return b.warden() != 0 && b.warden() != old; }));
  REQUIRE(eventually([&] { return !runs_of(survivor).empty(); }));
  b.run(b.shell("true", 99));
  CHECK(b.heard.of(survivor.id).calls == std::vector<std::string>{"prepared", "started"});
  write_text(survivor.folder / "work/go", "");
  CHECK(b.heard.wait_end(survivor.id).lost); // How it ended nobody saw.
  CHECK(runs_of(survivor) == "ran\n");
}

TEST_CASE("members that are started in a row all run, once each") {
  process_bench b;
  constexpr std::uint32_t count = 12;
  std::vector<attempt_spec> all;
  for (std::uint32_t i = 0; i < count; ++i) {
    all.push_back(member(b, "exit " + std::to_string(i), i));
    b->prepare(all.back());
  }
  for (const auto& x : all)
    REQUIRE(b.heard.wait_prepared(x.id).prepared->ok());
  for (const auto& x : all)
    b->start(x.id);
  for (std::uint32_t i = 0; i < count; ++i) {
    CHECK(b.heard.wait_end(all[i].id).exited->code == static_cast<std::int32_t>(i));
    CHECK(runs_of(all[i]) == "ran\n");
  }
}

TEST_CASE("with limits, a member is held in its control group, which goes with it") {
  if (!why_no_limits().empty())
    return skip_test(why_no_limits());
  process_config config;
  config.enforce_limits = true;
  const gang_bench gang{has_sandbox(), std::move(config)};
  auto& b = *gang;
  const auto groups_of = [&](const attempt_spec& x) {
    std::vector<fs::path> out;
    std::istringstream lines{read_text(b.state / "warden/cgroups")};
    for (std::string line; std::getline(lines, line);)
      if (fs::exists(fs::path{line} / to_string(x.id)))
        out.push_back(fs::path{line} / to_string(x.id));
    return out;
  };
  auto stopped = member(b, "true", 1);
  stopped.resource.memory = 64 << 20;
  REQUIRE(b.prepare(stopped).prepared->ok());
  const auto groups = groups_of(stopped);
  REQUIRE_FALSE(groups.empty());
  const auto holders = holders_of(stopped);
  REQUIRE(holders.size() == 1);
  CHECK_THAT(read_text(groups.front() / "cgroup.procs"), ContainsSubstring(std::to_string(holders.front())));
  b->stop(stopped.id, 0ms);
  CHECK(nothing_lives_of(stopped));
  CHECK(eventually([&] { return groups_of(stopped).empty(); }));

  auto hungry = member(b, "exec dd if=/dev/zero of=/dev/null bs=200M count=1", 2);
  hungry.resource.memory = 64 << 20;
  CHECK(b.run(hungry).exited->out_of_memory);
  CHECK(eventually([&] { return groups_of(hungry).empty(); }));

  auto again = member(b, "true", 3);
  again.resource.memory = 64 << 20;
  REQUIRE(b.prepare(again).prepared->ok());
  const auto old = b.warden();
  ::kill(old, SIGKILL);
  REQUIRE(eventually([&] { return b.warden() != 0 && b.warden() != old; }));
  b->start(again.id);
  CHECK(b.heard.wait_end(again.id).exited->code == 0);
  CHECK(runs_of(again) == "ran\n");
  CHECK(eventually([&] { return groups_of(again).empty(); }));
}

TEST_CASE("whoever is held ends when the line is cut, and does not go on") {
  scratch folder;
  const unique_fd null{::open("/dev/null", O_RDWR | O_CLOEXEC)};
  process::held_starts held{null.get()};
  REQUIRE(held.can_hold());
  process::wire::start_request request;
  request.id = attempt_id{workflow_key{1}, task_index{0}, 0};
  request.folder = folder.path().string();
  fs::create_directories(folder.path() / "work");
  const bool sandboxed = sandboxed_or_not();
  request.program = sandboxed ? "/usr/bin/bwrap" : "/bin/sh";
  if (sandboxed)
    for (const auto* word : {"bwrap", "--dev-bind", "/", "/", "--", "/bin/sh"})
      request.arguments.add(word);
  else
    request.arguments.add("sh");
  request.sandboxed = sandboxed;
  request.command_at = sandboxed ? 5 : 0;
  for (const auto* word : {"-c", "echo ran > ran"})
    request.arguments.add(word);
  CHECK(process::own_program(request) == "/bin/sh");
  std::optional<process::attempt_cgroup> none;
  REQUIRE(held.make(request, none));
  REQUIRE(eventually([&] { return held.arrived() == std::vector<attempt_id>{request.id}; }));
  CHECK_FALSE(held.empty());
  auto x = held.take(request.id);
  REQUIRE(x);
  CHECK(x->is_here);
  CHECK(held.empty());
  const bool may = GENERATE(false, true);
  if (may)
    process::let_go(x->line, sandboxed);
  else
    x->line.reset();
  int status = 0;
  REQUIRE(::waitpid(x->pid, &status, 0) == x->pid);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == (may ? 0 : 1));
  CHECK(read_text(folder.path() / "work/ran") == (may ? "ran\n" : ""));
  if (may)
    CHECK_FALSE(process::exec_failure(x->line));
}

TEST_CASE("what is said of held starts travels") {
  using namespace process::wire;
  start_request x;
  x.id = attempt_id{workflow_key{7}, task_index{2}, 1};
  x.folder = "/f";
  x.command_at = 3;
  std::string start;
  write(start, x);
  std::string out;
  write_hold(out, start);
  CHECK(out[4] == static_cast<char>(kind::hold));
  const auto read = read_start(std::string_view{out}.substr(5));
  REQUIRE(read);
  CHECK(read->id == x.id);
  CHECK(read->command_at == 3);
  out.clear();
  write_release(out, x.id);
  CHECK(out[4] == static_cast<char>(kind::release));
  CHECK(read_id(std::string_view{out}.substr(5)) == x.id);
  out.clear();
  write(out, held_message{x.id, 50, "why"});
  const auto held = read_held(std::string_view{out}.substr(5));
  REQUIRE(held);
  CHECK((held->id == x.id && held->code == 50 && held->text == "why"));
  for (std::size_t size = 0; size < out.size() - 5; ++size)
    CHECK_FALSE(read_held(std::string_view{out}.substr(5, size)));
}
