#include "executors/process/sandbox_plan.hpp"
#include "process_bench.hpp"

#include "support/catch.hpp"
#include "support/skip_test.hpp"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <map>

#include <unistd.h>

using namespace muster;
using namespace muster::test;
using namespace muster::process;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

/// A host made of a map: path -> kind, and the targets of links.
class fake_host final : public host_files {
public:
  std::map<std::string, host_kind> what{{"/", host_kind::folder}};
  std::map<std::string, std::string> links;
  std::string open_to_all;

  host_kind kind_of(const fs::path& path) const override {
    const auto at = what.find(path.string());
    return at == what.end() ? host_kind::absent : at->second;
  }
  std::optional<fs::path> resolve(const fs::path& path) const override {
    fs::path out{"/"};
    for (const auto& part : path.relative_path()) {
      out /= part;
      if (const auto link = links.find(out.string()); link != links.end())
        out = link->second;
      if (kind_of(out) == host_kind::absent)
        return std::nullopt;
    }
    return out;
  }
  bool is_open_to_all(const fs::path& folder) const override { return folder == open_to_all; }
  std::vector<entry> list(const fs::path& folder, std::size_t limit) const override {
    std::vector<entry> out;
    for (const auto& [path, kind] : what)
      if (path != "/" && fs::path{path}.parent_path() == folder && out.size() <= limit) {
        const auto link = links.find(path);
        out.push_back({fs::path{path}.filename().string(), kind, link == links.end() ? "" : link->second});
      }
    return out;
  }
};

fake_host some_host() {
  fake_host host;
  for (const auto* folder : {"/etc", "/tmp", "/tmp/other", "/usr", "/usr/bin", "/home"})
    host.what[folder] = host_kind::folder;
  host.what["/etc/hosts"] = host.what["/tmp/note"] = host_kind::file;
  host.what["/bin"] = host_kind::link;
  host.links["/bin"] = "/usr/bin";
  return host;
}

/// The mounts of a plan as lines, those of the root folder left out.
std::vector<std::string> mounts(const sandbox_plan& plan) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i + 2 < plan.arguments.size(); i += 3) {
    const auto line = plan.arguments[i] + ' ' + plan.arguments[i + 1] + ' ' + plan.arguments[i + 2];
    const auto& to = plan.arguments[i + 2];
    if (to.find('/', 1) != std::string::npos || plan.arguments[i] == "--bind")
      out.push_back(line);
  }
  return out;
}

using lines = std::vector<std::string>;

attempt_spec with_file(process_bench& b, const std::string& path, const std::string& contents,
                       const std::string& script, std::uint32_t task = 0) {
  auto out = b.shell(script, task);
  out.task.files = {{path, contents, false}};
  return out;
}

/// Whether this host lets bubblewrap make a mount namespace; many containers do not.
bool sandbox_works() {
  static const bool works = std::system("bwrap --dev-bind / / true >/dev/null 2>&1") == 0;
  if (!works)
    skip_test("bubblewrap cannot make a mount namespace here");
  return works;
}

} // namespace

TEST_CASE("a private folder is empty but for what is kept, made and put into it") {
  private_folder own;
  own.path = "/tmp";
  own.kept = {{"/tmp/other", "/tmp/other"}, {"/tmp/other", "/tmp/way/to/other"}};
  own.made = {"/tmp/user/1"};
  const auto alone = plan_sandbox({}, "/s", some_host(), {{}, own, {}});
  REQUIRE(alone.ok());
  CHECK(alone->folders == std::vector<fs::path>{"/s/tmp", "/s/tmp/user", "/s/tmp/user/1"});
  CHECK(alone->arguments == lines{"--dev-bind", "/", "/", "--bind", "/s/tmp", "/tmp", "--bind", "/tmp/other",
                                  "/tmp/other", "--bind", "/tmp/other", "/tmp/way/to/other"});
  // A file that the host has there is not covered: the task's folder has none.
  const auto plan = plan_sandbox({"/tmp/note", "/tmp/a/b", "/etc/hosts"}, "/s", some_host(), {{}, own, {}});
  REQUIRE(plan.ok());
  CHECK(plan->files == std::vector<fs::path>{"/s/tmp/note", "/s/tmp/a/b", "/s/.cover-2"});
  CHECK(mounts(*plan) == lines{"--bind /s/tmp /tmp", "--bind /s/.cover-2 /etc/hosts", "--bind /tmp/other /tmp/other",
                               "--bind /tmp/other /tmp/way/to/other"});
  CHECK_FALSE(plan_sandbox({"/tmp/other/x"}, "/s", some_host(), {{}, own, {}}).ok());
}

TEST_CASE("a new file in a folder of the host replaces that folder by one with the same entries") {
  const auto plan = plan_sandbox({"/tmp/run.sh"}, "/s", some_host());
  REQUIRE(plan.ok());
  CHECK(plan->folders == std::vector<fs::path>{"/s/tmp"});
  CHECK(plan->files == std::vector<fs::path>{"/s/tmp/run.sh"});
  CHECK(mounts(*plan) ==
        lines{"--bind /s/tmp /tmp", "--dev-bind-try /tmp/note /tmp/note", "--dev-bind-try /tmp/other /tmp/other"});
  const auto& all = plan->arguments;
  const lines link{"--symlink", "/usr/bin", "/bin"};
  CHECK(std::search(all.begin(), all.end(), link.begin(), link.end()) != all.end());
}

TEST_CASE("a file of the host is covered, and its folder stays") {
  const auto plan = plan_sandbox({"/etc/hosts"}, "/s", some_host());
  REQUIRE(plan.ok());
  CHECK(plan->folders.empty());
  CHECK(plan->files == std::vector<fs::path>{"/s/.cover-0"});
  CHECK(mounts(*plan) == lines{"--bind /s/.cover-0 /etc/hosts"});
}

TEST_CASE("folders that are missing are made in the scratch folder") {
  const auto plan = plan_sandbox({"/tmp/a/b/x", "/opt/y/z", "/top"}, "/s", some_host());
  REQUIRE(plan.ok());
  CHECK(plan->folders == std::vector<fs::path>{"/s/tmp", "/s/tmp/a", "/s/tmp/a/b", "/s/opt", "/s/opt/y"});
  CHECK(plan->files == std::vector<fs::path>{"/s/tmp/a/b/x", "/s/opt/y/z", "/s/top"});
  CHECK(mounts(*plan) == lines{"--bind /s/opt /opt", "--bind /s/top /top", "--bind /s/tmp /tmp",
                               "--dev-bind-try /tmp/note /tmp/note", "--dev-bind-try /tmp/other /tmp/other"});
}

TEST_CASE("nested folders are replaced from the outside in") {
  const auto plan = plan_sandbox({"/tmp/other/x", "/tmp/note", "/tmp/y"}, "/s", some_host());
  REQUIRE(plan.ok());
  CHECK(mounts(*plan) ==
        lines{"--bind /s/tmp /tmp", "--dev-bind-try /tmp/other /tmp/other", "--bind /s/tmp/other /tmp/other"});
  CHECK(plan->files[1] == "/s/tmp/note");
}

TEST_CASE("a path through a link goes to where it leads") {
  const auto plan = plan_sandbox({"/bin/x"}, "/s", some_host());
  REQUIRE(plan.ok());
  CHECK(plan->files == std::vector<fs::path>{"/s/usr/bin/x"});
}

TEST_CASE("a folder with many entries is shown through links, with very many it is refused") {
  auto host = some_host();
  for (std::size_t i = 0; i < 1000; ++i)
    host.what["/tmp/f" + std::to_string(i)] = host_kind::file;
  const auto plan = plan_sandbox({"/tmp/run.sh", "/tmp/other/x"}, "/s", host);
  REQUIRE(plan.ok());
  CHECK(plan->links.size() == 1001);
  CHECK(mounts(*plan) == lines{"--dev-bind /tmp /.muster-host/0", "--bind /s/tmp /tmp",
                               "--dev-bind-try /tmp/other /tmp/other", "--bind /s/tmp/other /tmp/other"});
  for (std::size_t i = 0; i < most_entries_per_folder; ++i)
    host.what["/tmp/g" + std::to_string(i)] = host_kind::file;
  const auto refused = plan_sandbox({"/tmp/run.sh"}, "/s", host);
  REQUIRE_FALSE(refused.ok());
  CHECK_THAT(refused.failure().message, ContainsSubstring("/tmp"));
}

TEST_CASE("what others may remove at any moment is linked, not mounted, but for what the task needs") {
  auto host = some_host();
  host.open_to_all = "/tmp";
  host.what["/tmp/third"] = host_kind::folder;
  const auto plan = plan_sandbox({"/tmp/run.sh"}, "/s", host, {{}, std::nullopt, {"/tmp/other/deep"}});
  REQUIRE(plan.ok());
  CHECK(mounts(*plan) ==
        lines{"--dev-bind /tmp /.muster-host/0", "--bind /s/tmp /tmp", "--dev-bind-try /tmp/other /tmp/other"});
  CHECK(plan->links == std::vector<std::pair<fs::path, fs::path>>{{"/s/tmp/note", "/.muster-host/0/note"},
                                                                  {"/s/tmp/third", "/.muster-host/0/third"}});
}

TEST_CASE("targets that cannot be files are refused") {
  const auto host = some_host();
  for (const auto* bad : {"/", "/tmp", "relative", "", "/tmp/", "/tmp/../etc/x", "/proc/1/x", "/dev/x", "/sys/x",
                          "/etc/hosts/x", "/tmp/./x"}) {
    INFO(bad);
    const auto plan = plan_sandbox({bad}, "/s", host);
    REQUIRE_FALSE(plan.ok());
    CHECK(plan.failure().code == ec::data_error);
  }
  CHECK_FALSE(plan_sandbox({"/bin/x", "/usr/bin/x"}, "/s", host).ok());
}

TEST_CASE("two tasks each own a file at one absolute path, and the host has none") {
  if (!sandbox_works())
    return;
  process_bench b;
  const fs::path target = "/tmp/muster-test-" + std::to_string(::getpid()) + ".sh";
  auto one = with_file(
      b, target.string(),
      "#!/bin/sh\necho one; ls -l $0 | cut -c1-10; touch ready; while [ ! -e go ]; do sleep 0.01; done", "", 1);
  auto two = with_file(b, target.string(), "#!/bin/sh\necho two {{workflow_id}}\n", "", 2);
  one.task.command = two.task.command = {target.string()};
  b.start(one);
  REQUIRE(eventually([&] { return fs::exists(one.folder / "work/ready"); }));
  CHECK(b.run(two).exited->code == 0);
  write_text(one.folder / "work/go", "");
  CHECK(b.heard.wait_end(one.id).exited->code == 0);
  CHECK(b.log_of(one) == "one\n-rwxr-xr-x\n");
  CHECK(b.log_of(two) == "two w-1\n");
  CHECK_FALSE(fs::exists(target));
}

TEST_CASE("each member of a gang has an empty tmp folder of its own, and the host none of what is in it") {
  if (!sandbox_works())
    return;
  process_bench b; // In /tmp: its folders must be seen all the same.
  scratch beside;
  write_text(beside.path() / "data", "of the host\n");
  const std::string name = "/tmp/muster-test-" + std::to_string(::getpid());
  const auto member = [&](std::uint32_t task, const std::string& script) {
    auto out = b.shell(script, task);
    out.peers = {{"t1", "127.0.0.1"}, {"t2", "127.0.0.2"}};
    return out;
  };
  const auto wait_for = [](const std::string& file) { return "while [ ! -e " + file + " ]; do sleep 0.01; done; "; };
  auto one = member(1, "ls -A /tmp | grep -v muster-drivers; stat -c %a /tmp; echo 1 > " + name + "; touch ready; " +
                           wait_for("go") + "cat " + name + "; cat $MUSTER_INPUT/0; echo out > $MUSTER_OUTPUT/a");
  one.inputs = {{"", beside.path() / "data", ""}};
  one.task.inputs.resize(1);
  const auto two = member(2, "[ ! -e " + name + " ] && echo 2 > " + name + "; cat " + name + " $MUSTER_PEERS");
  b.start(one);
  REQUIRE(eventually([&] { return fs::exists(one.folder / "work/ready"); }));
  CHECK(b.run(two).exited->code == 0);
  write_text(one.folder / "work/go", "");
  CHECK(b.heard.wait_end(one.id).exited->code == 0);
  CHECK(b.log_of(one) == "1777\n1\nof the host\n");
  CHECK_THAT(b.log_of(two), ContainsSubstring("2\n{\"t1\""));
  CHECK(read_text(one.folder / "output/a") == "out\n");
  CHECK_FALSE(fs::exists(name));
  for (const auto id : {one.id, two.id})
    b->remove(id);
  CHECK(eventually([&] { return !fs::exists(one.folder / "root") && !fs::exists(two.folder); }));
}

TEST_CASE("the files of a member of a gang lie in its own tmp folder, and its programs are not those of the host's") {
  if (!sandbox_works())
    return;
  process_bench b;
  scratch beside;
  write_text(beside.path() / "tool", "#!/bin/sh\n");
  fs::permissions(beside.path() / "tool", fs::perms::owner_all);
  const std::string target = "/tmp/muster-test-" + std::to_string(::getpid());
  auto x = with_file(b, target, "text", "ls -A /tmp | wc -l; cat " + target + "; exit 9", 1);
  x.peers = {{"t1", "127.0.0.1"}, {"t2", "127.0.0.2"}};
  CHECK(b.run(x).exited->code == 9);
  CHECK(b.log_of(x) == "2\ntext"); // The state directory of this test is there, too.
  auto hidden = b.shell("", 2);
  hidden.peers = x.peers;
  hidden.task.command = {(beside.path() / "tool").string()};
  CHECK(b.run(hidden).exited->code == 127);
  CHECK_THAT(b.log_of(hidden), ContainsSubstring("a /tmp of its own"));
  hidden = b.shell("", 3);
  hidden.task.command = {(beside.path() / "tool").string()};
  CHECK(b.run(hidden).exited->code == 0);
}

TEST_CASE("in the sandbox the host is as it was, outputs are the attempt's, and exit codes and signals pass") {
  if (!sandbox_works())
    return;
  process_bench b;
  scratch beside; // In /tmp, too.
  write_text(beside.path() / "seen", "yes");
  const std::string target = "/tmp/muster-test-" + std::to_string(::getpid());
  const auto x = with_file(b, target, "text",
                           "cat " + target + " " + (beside.path() / "seen").string() + "; stat -c %a " + target +
                               "; pwd; ls /proc/self/fd | wc -l; ls / | sort > root;"
                               " echo out > /osmo/data/output/a; exit 42");
  CHECK(b.run(x).exited->code == 42);
  CHECK(b.log_of(x) == "textyes644\n" + fs::canonical(x.folder / "work").string() + "\n4\n");
  CHECK(read_text(x.folder / "output/a") == "out\n");
  CHECK_THAT(read_text(x.folder / "work/root"), ContainsSubstring("usr\n"));
  const auto killed = b.run(with_file(b, target, "", "kill -SEGV $$", 1));
  CHECK(killed.exited->signal == SIGSEGV);
  CHECK(killed.exited->code == 128 + SIGSEGV);
}

TEST_CASE("a task in a sandbox is stopped like any other") {
  if (!sandbox_works())
    return;
  process_bench b;
  const std::string target = "/tmp/muster-test-" + std::to_string(::getpid());
  const auto polite =
      with_file(b, target, "", "trap 'echo bye; exit 7' TERM; touch ready; while :; do sleep 0.01; done", 1);
  const auto stubborn = with_file(b, target, "", "trap '' TERM; touch ready; (setsid sleep 60 &) ; sleep 60", 2);
  for (const auto* x : {&polite, &stubborn}) {
    b.start(*x);
    const bool ready = eventually([&] { return fs::exists(x->folder / "work/ready"); });
    INFO(b.log_of(*x));
    REQUIRE(ready);
  }
  b->stop(polite.id, 10'000ms);
  CHECK(b.heard.wait_end(polite.id).exited->code == 7);
  b->stop(stubborn.id, 100ms);
  CHECK(b.heard.wait_end(stubborn.id).exited->signal == SIGKILL);
  for (const auto* x : {&polite, &stubborn})
    CHECK(processes_with("MUSTER_ATTEMPT_FOLDER=" + x->folder.string()).empty());
}

TEST_CASE("files in the attempt's own folders need no sandbox") {
  process_bench b;
  auto x = b.shell("./tool; cat /proc/$PPID/comm");
  x.task.files = {{"tool", "#!/bin/sh\necho tool\n", false},
                  {"{{output}}/sub/a", "YWJj", true},
                  {"/osmo/data/output/b", "{{host:t0}}", false}};
  CHECK(b.run(x).exited->code == 0);
  CHECK(b.log_of(x) == "tool\nmuster-warden\n");
  CHECK(read_text(x.folder / "output/sub/a") == "abc");
  CHECK(read_text(x.folder / "output/b") == "127.0.0.1");
}

TEST_CASE("a command that is missing in a sandbox ends as in a shell") {
  if (!sandbox_works())
    return;
  process_bench b;
  const std::string target = "/tmp/muster-test-" + std::to_string(::getpid());
  auto missing = with_file(b, target, "", "", 1);
  missing.task.command = {"/no/such/file"};
  CHECK(b.run(missing).exited->code == 127);
  auto plain = with_file(b, target, "no script", "", 2);
  plain.task.command = {target};
  CHECK(b.run(plain).exited->code == 126);
}

TEST_CASE("files that cannot be made are refused when the attempt is prepared") {
  if (!sandbox_works())
    return;
  process_bench b;
  std::uint32_t task = 0;
  for (const auto* path : {"/proc/x", "/", "../x", "{{output}}/../../x", "/etc", "a/../../x"}) {
    INFO(path);
    const auto x = with_file(b, path, "", "true", ++task);
    const auto seen = b.prepare(x);
    REQUIRE(seen.prepared.has_value());
    REQUIRE_FALSE(seen.prepared->ok());
    CHECK(seen.prepared->failure().code == ec::data_error);
    CHECK_FALSE(fs::exists(x.folder));
  }
  auto x = with_file(b, "a", "%%", "true", ++task);
  x.task.files.front().base64 = true;
  const auto seen = b.prepare(x);
  CHECK_THAT(seen.prepared->failure().message, ContainsSubstring("base64"));
}

TEST_CASE("where there is no bubblewrap the refusal says what to do") {
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", "/nowhere", 1);
  process_bench b;
  ::setenv("PATH", path.c_str(), 1);
  auto x = with_file(b, "/tmp/muster-test", "", "true");
  const auto seen = b.prepare(x);
  REQUIRE(seen.prepared.has_value());
  REQUIRE_FALSE(seen.prepared->ok());
  CHECK(seen.prepared->failure().code == ec::sandbox_unavailable);
  CHECK_THAT(seen.prepared->failure().message, ContainsSubstring("apt install bubblewrap"));
}

TEST_CASE("where there is no bubblewrap the members of a gang run in the tmp folder of the host") {
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", "/nowhere", 1);
  process_bench b;
  ::setenv("PATH", path.c_str(), 1);
  auto x = b.shell("[ -d '" + b.state.string() + "/warden' ] && [ ! -e ../root ] && exit 6");
  x.peers = {{"t0", "127.0.0.1"}, {"t1", "127.0.0.2"}};
  CHECK(b.run(x).exited->code == 6);
}
