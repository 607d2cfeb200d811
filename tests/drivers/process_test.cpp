#include "process_bench.hpp"

#include "support/catch.hpp"

#include <csignal>
#include <fstream>

#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// Real processes: what a task finds, and how it ends.

using namespace muster;
using namespace muster::test;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

TEST_CASE("a process writes its log, runs in its work folder, reads nothing") {
  process_bench b;
  const auto x = b.shell("pwd; echo to-stderr >&2; wc -c; umask >/dev/null; ls /proc/self/fd | tr '\\n' ' '");
  CHECK(b.run(x).exited->code == 0);
  const auto work = fs::canonical(x.folder / "work").string();
  // `ls` has one descriptor of its own: the folder it lists.
  CHECK(b.log_of(x) == work + "\nto-stderr\n0\n0 1 2 3 ");
}

TEST_CASE("a process finds its environment and nothing of Muster's shell") {
  ::setenv("MUSTER_TEST_SECRET", "do not pass on", 1);
  process_bench b;
  auto x = b.shell("env | sort");
  x.task.environment = {{"GREETING", "hello {{workflow_id}}"}, {"PATH_TO_IT", "{{output}}/x"}, {"HOST", "{{host:t1}}"}};
  x.peers = {{"t0", "127.0.0.1"}, {"t1", "127.0.0.2"}};
  x.gpus = {2, 5};
  b.run(x);
  ::unsetenv("MUSTER_TEST_SECRET");
  const auto log = '\n' + b.log_of(x);
  const auto folder = x.folder.string();
  for (const auto& line :
       {std::string{"GREETING=hello w-1"}, "PATH_TO_IT=" + folder + "/output/x", std::string{"HOST=127.0.0.2"},
        std::string{"MUSTER_WORKFLOW_ID=w-1"}, std::string{"MUSTER_GROUP=t0-group"}, std::string{"MUSTER_TASK=t0"},
        std::string{"MUSTER_ATTEMPT=0"}, std::string{"MUSTER_ATTEMPT_ID=1.0.0"},
        std::string{"MUSTER_ADDRESS=127.0.0.1"}, "MUSTER_INPUT=" + folder + "/input",
        "MUSTER_OUTPUT=" + folder + "/output", "MUSTER_PEERS=" + folder + "/peers.json",
        std::string{"CUDA_VISIBLE_DEVICES=2,5"}, std::string{"CUDA_DEVICE_ORDER=PCI_BUS_ID"},
        std::string{"NVIDIA_VISIBLE_DEVICES=2,5"}})
    CHECK_THAT(log, ContainsSubstring('\n' + line + '\n'));
  CHECK(log.find("MUSTER_TEST_SECRET") == std::string::npos);
  CHECK(read_text(x.folder / "peers.json") == "{\"t0\":\"127.0.0.1\",\"t1\":\"127.0.0.2\"}\n");
}

TEST_CASE("a task without GPUs sees none on a host that has some") {
  process_config config;
  config.gpus = {0, 1};
  process_bench b{std::move(config)};
  const auto x = b.shell("echo \"[$CUDA_VISIBLE_DEVICES][$NVIDIA_VISIBLE_DEVICES]\"");
  b.run(x);
  CHECK(b.log_of(x) == "[][void]\n");
}

TEST_CASE("a command that is not there or cannot run ends as in a shell") {
  process_bench b;
  auto missing = b.shell("", 1);
  missing.task.command = {"no-such-command-of-muster"};
  auto seen = b.run(missing);
  CHECK(seen.exited->code == 127);
  CHECK_FALSE(seen.exited->message.empty());
  CHECK_THAT(b.log_of(missing), ContainsSubstring("no-such-command-of-muster"));

  auto no_file = b.shell("", 2);
  no_file.task.command = {"/no/such/file"};
  seen = b.run(no_file);
  CHECK(seen.exited->code == 127);
  CHECK_THAT(seen.exited->message, ContainsSubstring("/no/such/file"));

  auto plain = b.shell("", 3);
  plain.task.command = {(b.state / "plain").string()};
  write_text(b.state / "plain", "no program\n");
  CHECK(b.run(plain).exited->code == 126);

  auto folder = b.shell("", 4);
  folder.task.command = {"/"};
  CHECK(b.run(folder).exited->code == 126);
}

TEST_CASE("arguments come through byte by byte") {
  process_bench b;
  auto x = b.shell("");
  x.task.command = {"printf", "%s|"};
  x.task.args = {"", " a  b ", "$HOME `id` \"'\\", "line\nbreak", "\xff\xfe", "{{workflow_id}}", "{{unknown}}"};
  b.run(x);
  CHECK(b.log_of(x) == "| a  b |$HOME `id` \"'\\|line\nbreak|\xff\xfe|w-1|{{unknown}}|");
}

TEST_CASE("a zero byte in an argument or variable is refused") {
  process_bench b;
  auto x = b.shell("", 1);
  x.task.args = {std::string{"a\0b", 3}};
  CHECK(b.prepare(x).prepared->failure().code == ec::invalid_argument);
  auto y = b.shell("", 2);
  y.task.environment = {{"A=B", "c"}};
  CHECK(b.prepare(y).prepared->failure().code == ec::invalid_argument);
  CHECK_FALSE(fs::exists(y.folder));
}

TEST_CASE("a task ends by a signal") {
  process_bench b;
  const auto seen = b.run("kill -SEGV $$");
  CHECK(seen.exited->signal == SIGSEGV);
  CHECK(seen.exited->code == 128 + SIGSEGV);
}

TEST_CASE("signals are at their defaults in a task, whatever Muster's parent ignored") {
  process_bench b;
  const auto x = b.shell("grep -E '^Sig(Blk|Ign)' /proc/self/status | awk '{print $2}'");
  b.run(x);
  CHECK(b.log_of(x) == "0000000000000000\n0000000000000000\n");
}

TEST_CASE("a task that closes its outputs and prints much is no trouble") {
  process_bench b;
  CHECK(b.run("exec >&- 2>&-; true").exited->code == 0);
  const auto much = b.shell("head -c 50000000 /dev/zero", 1);
  CHECK(b.run(much).exited->code == 0);
  CHECK(fs::file_size(much.folder.string() + ".log") == 50'000'000);
}

TEST_CASE("a log that grows too large loses its middle") {
  process_config config;
  config.logs = {1'000'000, 1'000, 1'000};
  process_bench b{std::move(config)};
  const auto x = b.shell("echo the beginning; head -c 5000000 /dev/zero | tr '\\0' x; echo the end");
  CHECK(b.run(x).exited->code == 0);
  const auto log = b.log_of(x);
  CHECK(log.size() < 1'000'000);
  CHECK(log.find("the beginning") == 0);
  CHECK_THAT(log, ContainsSubstring("bytes were cut out here"));
  CHECK_THAT(log, ContainsSubstring("the end\n"));
}

TEST_CASE("an attempt whose record exists is never started again") {
  process_bench b;
  const auto x = b.shell("echo once");
  write_text(x.folder.string() + ".log", "of another time\n");
  write_text(x.folder / "output/a", "kept");
  const auto seen = b.prepare(x);
  REQUIRE(seen.prepared.has_value());
  CHECK(seen.prepared->failure().code == ec::conflict);
  CHECK(b.log_of(x) == "of another time\n");
  CHECK(read_text(x.folder / "output/a") == "kept");
}

TEST_CASE("nothing is kept of an attempt that could not be started") {
  process_bench b;
  const auto x = b.shell("echo once");
  b.prepare(x);
  const auto log = x.folder.string() + ".log";
  write_text(log, "of another time\n");
  b->start(x.id);
  const auto seen = b.heard.wait_started(x.id);
  REQUIRE(seen.started);
  CHECK(seen.started->failure().code == ec::conflict);
  fs::remove_all(x.folder);
  fs::remove(log);
  b->prepare(x); // As one that is new.
  b->start(x.id);
  CHECK(b.heard.wait_end(x.id).exited->code == 0);
  CHECK(b.log_of(x) == "once\n");
}

TEST_CASE("a completed attempt's output becomes the task's") {
  process_bench b;
  const auto first = b.shell("echo 1 > $MUSTER_OUTPUT/value; mkdir sub; touch sub/junk");
  b.run(first);
  const auto link = first.folder.parent_path() / "t0.output";
  CHECK_FALSE(fs::exists(link));
  b->publish(first.id);
  b->remove(first.id);
  const auto again = b.shell("echo 2 > {{output}}/value", 0);
  auto second = again;
  second.id.number = 1;
  second.folder = first.folder.parent_path() / "t0.1";
  b.prepare(second);
  CHECK(fs::read_symlink(link) == "t0.0/output");
  CHECK(read_text(link / "value") == "1\n");
  b.run(second);
  b->remove(second.id);
  const auto empty = b.shell("true", 5);
  b.run(empty);
  b->publish(empty.id);
  b->remove(empty.id);
  b.run(b.shell("true", 6));
  CHECK(read_text(link / "value") == "1\n");
  CHECK_FALSE(fs::exists(fs::symlink_status(empty.folder.parent_path() / "t5.output")));
  CHECK(eventually([&] { return !fs::exists(first.folder / "work"); }));
}

TEST_CASE("who reads an output that could not be published is told") {
  process_bench b;
  const auto first = b.shell("echo 1 > $MUSTER_OUTPUT/a", 1);
  b.run(first);
  const auto link = first.folder.parent_path() / "t1.output";
  fs::create_directories(link / "in-the-way");
  b->publish(first.id);
  auto second = b.shell("true", 2);
  second.task.inputs = {{spec::task_input{"t1", ""}, ""}};
  second.inputs = {{"t1", link, ""}};
  const auto seen = b.prepare(second);
  REQUIRE(seen.prepared.has_value());
  CHECK(seen.prepared->failure().code == ec::data_error);
  CHECK_THAT(seen.prepared->failure().message, ContainsSubstring("could not be published"));
}

namespace {

ino_t number_of(const fs::path& file) {
  struct stat facts {};
  REQUIRE(::stat(file.c_str(), &facts) == 0);
  return facts.st_ino;
}

} // namespace

TEST_CASE("the folder of an attempt that left nothing in it serves the next one") {
  process_bench b;
  const auto first = b.shell("true", 1);
  b.run(first);
  const auto work = number_of(first.folder / "work");
  const auto next = b.shell("touch here; echo 1 > $MUSTER_OUTPUT/a; pwd", 2);
  CHECK(b.run(next).exited->code == 0);
  CHECK(number_of(next.folder / "work") == work);
  CHECK(b.log_of(next) == fs::canonical(next.folder / "work").string() + "\n");
  CHECK_FALSE(fs::exists(first.folder));
  // The end of the first is durable only now.
  b->publish(first.id);
  b->remove(first.id);
  const auto changed = b.shell("chmod 500 .", 3);
  b.run(changed);
  CHECK(read_text(next.folder / "output/a") == "1\n");
  CHECK(fs::exists(next.folder / "work/here"));
  // Who left something keeps its folder, until that is removed.
  const auto other = b.shell("true", 4);
  b.run(other);
  CHECK(number_of(changed.folder / "work") != number_of(other.folder / "work"));
  b->remove(changed.id);
  CHECK(eventually([&] { return !fs::exists(changed.folder); }));
  // What is left over when the driver ends goes with it; logs and outputs stay.
  b->remove(next.id);
  b.driver_.reset();
  CHECK(fs::exists(other.folder.string() + ".log"));
  CHECK(fs::exists(next.folder / "output/a"));
  CHECK_FALSE(fs::exists(other.folder));
}

TEST_CASE("who is adopted when its folder serves another has ended as it did") {
  process_bench b;
  const auto first = b.shell("exit 7", 1);
  b.run(first);
  const auto next = b.shell("echo 1 > $MUSTER_OUTPUT/a", 2);
  b.run(next);
  REQUIRE_FALSE(fs::exists(first.folder));
  b.driver_.reset(); // Before it was durable how they ended.
  process_bench after{b.state};
  const auto found = after->adopt({first, next});
  REQUIRE(found.ok());
  CHECK(*found == std::vector<adoption>{adoption::exited, adoption::exited});
  CHECK(after.heard.wait_end(first.id).exited->code == 7);
  CHECK(after.heard.wait_end(next.id).exited->code == 0);
  after->publish(first.id);
  after->publish(next.id);
  after->remove(first.id);
  after.driver_.reset();
  CHECK(read_text(next.folder / "output/a") == "1\n");
}

TEST_CASE("what was to be removed is removed although the driver goes") {
  process_bench b;
  std::vector<attempt_spec> all;
  for (std::uint32_t n = 0; n < 40; ++n)
    all.push_back(b.shell("mkdir a; echo left > a/note", n));
  for (const auto& x : all)
    b.run(x);
  for (const auto& x : all)
    b->remove(x.id);
  b.driver_.reset();
  for (const auto& x : all)
    CHECK_FALSE(fs::exists(x.folder));
}

TEST_CASE("the warden ends when nobody needs it") {
  process_bench b;
  b.run("true");
  const auto warden = b.warden();
  REQUIRE(warden != 0);
  b.driver_.reset();
  CHECK(eventually([&] { return !is_alive(warden); }));
  CHECK_FALSE(fs::exists(b.state / "warden" / "socket"));
}

TEST_CASE("the warden's folder is for its user alone, and there is only one warden") {
  process_bench b;
  struct stat facts {};
  REQUIRE(::stat((b.state / "warden").c_str(), &facts) == 0);
  CHECK((facts.st_mode & 0777U) == 0700);
  const auto warden = b.warden();
  process_config config;
  config.state_directory = b.state;
  const auto other = make_process_driver(std::move(config));
  const auto found = other->probe();
  REQUIRE_FALSE(found.ok());
  CHECK_THAT(found.failure().message, ContainsSubstring("another driver"));
  CHECK(b.warden() == warden);
}

TEST_CASE("a state directory that cannot be used is a clear error") {
  scratch dir;
  write_text(dir.path() / "file", "x");
  process_config config;
  config.state_directory = dir.path() / "file" / "state";
  const auto found = make_process_driver(std::move(config))->probe();
  REQUIRE_FALSE(found.ok());
  CHECK_THAT(found.failure().message, ContainsSubstring("file/state"));
}

namespace {

/// The slice of a process in nanoseconds; 0 where the kernel knows none.
std::uint64_t slice_of(pid_t pid) {
  std::uint64_t attributes[6] = {48};
  REQUIRE(::syscall(SYS_sched_getattr, pid, attributes, sizeof attributes, 0) == 0);
  return attributes[3];
}

} // namespace

TEST_CASE("the warden has a short slice where the kernel gives one, and its tasks have that of others") {
  process_bench b;
  const auto seconds = unique_seconds();
  const auto x = b.shell("exec sleep " + seconds);
  b.start(x);
  REQUIRE(eventually([&] { return sleeps(seconds); }));
  const auto found = processes_with(x.folder.string());
  REQUIRE(found.size() == 1);
  CHECK(slice_of(found.front()) == slice_of(0));
  if (slice_of(0) != 0)
    CHECK(slice_of(b.warden()) < slice_of(0));
  b->stop(x.id, 0ms);
  b.heard.wait_end(x.id);
}
