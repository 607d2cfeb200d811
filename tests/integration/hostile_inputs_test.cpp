#include "support/catch.hpp"
#include "support/muster_program.hpp"
#include "support/processes.hpp"
#include "support/skip_test.hpp"
#include "support/small_disk.hpp"

#include <csignal>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

// Specs that are none, and state directories that cannot be used.

using namespace muster::test;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

TEST_CASE("what is no spec gets a clear error, at once, and leaves nothing") {
  const muster_program muster;
  const auto folder = muster.folder();
  REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
  const auto huge = muster.file("huge.yaml", "");
  fs::resize_file(huge, 100U * 1024 * 1024);
  struct no_spec {
    std::string path;
    std::string said;
  };
  const std::vector<no_spec> all{{folder.string(), "is a folder"},
                                 {folder / "fifo", "is a named pipe"},
                                 {"/dev/zero", "is a device"},
                                 {muster.file("empty.yaml", ""), "the spec is empty"},
                                 {huge, "is larger than"},
                                 {muster.file("binary.yaml", std::string("\x7f"
                                                                         "ELF\x02\xff\xfe\x00\x01",
                                                                         9)),
                                  "is not UTF-8"},
                                 {folder / "missing.yaml", "No such file"},
                                 {"", "No such file"}};
  for (const auto& x : all)
    for (const auto* name : {"run", "validate", "plan"}) {
      INFO(name << ' ' << x.path);
      const auto said = run(muster.with({name, x.path}), 30s);
      INFO(said.err);
      CHECK_FALSE(said.timed_out);
      CHECK(said.exit_code == 1);
      CHECK_THAT(said.err, ContainsSubstring(x.said));
    }
  CHECK_FALSE(fs::exists(muster.state()));
}

TEST_CASE("a spec that may not be read gets a clear error") {
  const muster_program muster;
  const auto spec = muster.file("closed.yaml", one_task("true"));
  REQUIRE(::chmod(spec.c_str(), 0) == 0);
  auto what = muster.with({"run", spec});
  if (::access(spec.c_str(), R_OK) == 0) { // Root may read everything, but not without its capabilities.
    const std::vector<std::string> without{"setpriv", "--bounding-set", "-all", "--inh-caps", "-all"};
    what.argv.insert(what.argv.begin(), without.begin(), without.end());
  }
  const auto said = run(what);
  CHECK(said.exit_code == 1);
  CHECK_THAT(said.err, ContainsSubstring("Permission denied"));
}

TEST_CASE("a state directory that cannot be made or written to is a clear error") {
  const muster_program muster;
  const auto spec = muster.file("a.yaml", one_task("true"));
  for (const std::string path : {"/proc/muster", "/dev/null", "/dev/null/below"}) {
    INFO(path);
    const auto said = muster({"run", "--state-dir", path, spec});
    INFO(said.err);
    CHECK(said.exit_code == 1);
    CHECK_THAT(said.err, ContainsSubstring("the state directory " + path + " cannot be made: "));
  }
}

TEST_CASE("a store that is refused is all that a run touches") {
  const muster_program muster;
  fs::create_directories(muster.state());
  std::ofstream{muster.state() / "muster.db"} << std::string(8192, 'x');
  const auto said = muster({"run", muster.file("one.yaml", one_task("true"))});
  CHECK(said.exit_code == 1);
  CHECK_THAT(said.err, ContainsSubstring("muster.db"));
  CHECK_FALSE(fs::exists(muster.state() / "warden")); // No driver was asked.
  CHECK_FALSE(fs::exists(muster.state() / "workflows"));
}

TEST_CASE("a full disk holds a run up, which says so and goes on when there is room, also when it was killed") {
  const muster_program muster;
  const small_disk disk(muster.state());
  if (!disk.mounted())
    return skip_test("this user may not mount a small disk");
  const cleaner at_end(muster.state());
  const auto gate = (muster.folder() / "gate").string();
  std::string spec = "workflow:\n  name: full\n  resources: {default: {storage: 1Mi}}\n  tasks:\n";
  const std::string wait = "command: [bash, -c, 'until [ -e " + gate + " ]; do sleep 0.02; done; exit 0']";
  spec += "  - {name: waits, image: x, " + wait + "}\n";
  for (int i = 0; i < 100; ++i)
    spec += "  - {name: t" + std::to_string(i) + ", image: x, command: ['true'], inputs: [{task: waits}]}\n";
  const auto file = muster.file("full.yaml", spec);
  const std::vector<std::string> more{"--oversubscribe", "100", "--max-parallel", "8"};

  const auto begin = [&](std::vector<std::string> words) {
    words.insert(words.end(), more.begin(), more.end());
    auto what = muster.with(words);
    // What is said of the disk goes to stderr.
    what.argv.insert(what.argv.begin(), {"sh", "-c", "exec \"$0\" \"$@\" 2>&1"});
    return what;
  };
  subprocess first(begin({"run", file}));
  REQUIRE(first.wait_for("waits  RUNNING"));
  const auto filler = disk.fill();
  muster.file("gate", "");
  REQUIRE(first.wait_for("nothing new is accepted, what runs goes on"));
  first.signal(SIGKILL);
  first.finish();

  subprocess second(begin({"resume", "full-1"}));
  REQUIRE(second.wait_for("nothing new is accepted, what runs goes on"));
  CHECK_FALSE(second.ended());
  fs::remove(filler);
  const auto said = second.finish();
  INFO(said.out);
  CHECK(said.exit_code == 0);
  CHECK_THAT(muster({"show", "full-1"}).out, ContainsSubstring("COMPLETED 101"));
  CHECK(left_behind(muster.state()).empty());
}

TEST_CASE("a run on a full disk that is asked to end does so when there is room, and need not be asked again") {
  const int signals = GENERATE(1, 2);
  INFO(signals);
  const muster_program muster;
  const small_disk disk(muster.state());
  if (!disk.mounted())
    return skip_test("this user may not mount a small disk");
  const cleaner at_end(muster.state());
  const auto gate = (muster.folder() / "gate").string();
  const auto file = muster.file("full.yaml", "workflow:\n  name: full\n  resources: {default: {storage: 1Mi}}\n"
                                             "  tasks:\n"
                                             "  - {name: waits, image: x, command: [bash, -c, 'until [ -e " +
                                                 gate +
                                                 " ]; do sleep 0.02; done']}\n"
                                                 "  - {name: stays, image: x, command: [sleep, infinity]}\n");
  auto what = muster.with({"run", "--oversubscribe", "100", file});
  // What is said of the disk goes to stderr.
  what.argv.insert(what.argv.begin(), {"sh", "-c", "exec \"$0\" \"$@\" 2>&1"});
  subprocess running(what);
  REQUIRE(running.wait_for("waits  RUNNING"));
  REQUIRE(running.wait_for("stays  RUNNING"));
  const auto filler = disk.fill();
  muster.file("gate", "");
  REQUIRE(running.wait_for("nothing new is accepted, what runs goes on"));
  running.signal(SIGTERM);
  REQUIRE(running.wait_for("cannot cancel: nothing can be recorded until there is room"));
  if (signals == 2) {
    running.signal(SIGTERM);
    REQUIRE(running.wait_for("killing the tasks of full-1"));
  }
  fs::remove(filler);
  const auto said = running.finish();
  INFO(said.out);
  CHECK_FALSE(said.timed_out);
  CHECK(said.exit_code == 130);
  CHECK_THAT(muster({"ls"}).out, ContainsSubstring("FAILED_CANCELED"));
  CHECK_THAT(muster({"show", "full-1", "-o", "json"}).out,
             ContainsSubstring(signals == 2 ? "killed by a signal" : "canceled by a signal"));
}

TEST_CASE("two runs at the same time on two state directories do not meet") {
  const muster_program one;
  const muster_program two;
  const cleaner after_one(one.state());
  const cleaner after_two(two.state());
  // Each serves on one port of its own address; were the addresses equal, one could not bind.
  const std::string script =
      "exec 3<>/dev/null; nc -l {{host:only}} 24917 > heard & until echo hello | nc -N {{host:only}} 24917; do sleep "
      "0.05; done; wait; cat heard; echo address {{host:only}}";
  subprocess a(one.with({"run", one.file("a.yaml", one_task(script))}));
  subprocess b(two.with({"run", two.file("b.yaml", one_task(script))}));
  const auto said_a = a.finish();
  const auto said_b = b.finish();
  INFO(said_a.out << said_a.err << said_b.out << said_b.err);
  CHECK(said_a.exit_code == 0);
  CHECK(said_b.exit_code == 0);
  const auto address_of = [](const std::string& out) {
    const auto at = out.find("address 127.");
    return at == std::string::npos ? std::string{} : out.substr(at, out.find('\n', at) - at);
  };
  CHECK_FALSE(address_of(said_a.out).empty());
  CHECK(address_of(said_a.out) != address_of(said_b.out));
}
