#include "support/catch.hpp"
#include "support/muster_program.hpp"
#include "support/processes.hpp"

#include <algorithm>
#include <csignal>
#include <fstream>
#include <sstream>

using namespace muster::test;
namespace fs = std::filesystem;

namespace {

std::string content(const fs::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// make -> use: both write a line to `marks` when they run.
std::string two_steps(const fs::path& marks, const fs::path& data, const std::string& cache) {
  return "workflow:\n"
         "  name: two\n"
         "  tasks:\n"
         "  - name: make\n"
         "    image: none\n"
         "    cache: " +
         cache +
         "\n"
         "    inputs: [{url: 'file://" +
         data.string() +
         "'}]\n"
         "    command: [sh, -c, 'echo make >> " +
         marks.string() +
         "; cp {{input:0}}/a.csv {{output}}/copy; mkdir {{output}}/sub; echo deep > {{output}}/sub/x; ln -s sub/x "
         "{{output}}/link; echo 5 > $MUSTER_RESULT']\n"
         "  - name: use\n"
         "    image: none\n"
         "    inputs: [{task: make}]\n"
         "    command: [sh, -c, 'cat {{input:0}}/copy {{input:0}}/link; echo {{result:make}}']\n";
}

} // namespace

TEST_CASE("a cached task is not run again, and its output is there") {
  const muster_program muster;
  const cleaner at_end(muster.state());
  const auto marks = muster.folder() / "marks";
  const auto data = muster.folder() / "data";
  fs::create_directories(data);
  std::ofstream{data / "a.csv"} << "one\n";
  const auto spec = muster.file("two.yaml", two_steps(marks, data, "true"));
  const auto first = muster({"run", spec});
  INFO(first.out << first.err);
  REQUIRE(first.exit_code == 0);
  REQUIRE(muster({"run", spec, "-q"}).exit_code == 0);
  CHECK(content(marks) == "make\n");
  CHECK(muster({"logs", "two-2", "-t", "use"}).out == "one\ndeep\n5\n");
  const auto why = muster({"explain", "two-2", "make"});
  CHECK(why.exit_code == 0);
  CHECK_THAT(why.out, ContainsSubstring("make  COMPLETED  cached: same as two-1 make"));
  CHECK_THAT(muster({"explain", "two-1", "make"}).out, ContainsSubstring("no earlier task is like it"));

  // It does not need the other one's folder any more.
  fs::remove_all(muster.state() / "workflows" / "two-1");
  CHECK(content(muster.state() / "workflows" / "two-2" / "tasks" / "make.output" / "link") == "deep\n");
  REQUIRE(muster({"run", spec, "-q"}).exit_code == 0);
  CHECK(content(marks) == "make\nmake\n");

  std::ofstream{data / "a.csv"} << "two\n";
  REQUIRE(muster({"run", spec, "-q"}).exit_code == 0);
  CHECK(content(marks) == "make\nmake\nmake\n");
  CHECK_THAT(muster({"explain", "last", "make"}).out, ContainsSubstring("file a.csv changed"));
  REQUIRE(muster({"run", spec, "-q", "--no-cache"}).exit_code == 0);
  CHECK(content(marks) == "make\nmake\nmake\nmake\n");
  CHECK_THAT(muster({"explain", "last"}).out, ContainsSubstring("--no-cache"));
}

TEST_CASE("with a key the content of inputs does not count, but the command does") {
  const muster_program muster;
  const cleaner at_end(muster.state());
  const auto marks = muster.folder() / "marks";
  const auto data = muster.folder() / "data";
  fs::create_directories(data);
  std::ofstream{data / "a.csv"} << "one\n";
  auto text = two_steps(marks, data, "'v1'");
  REQUIRE(muster({"run", muster.file("two.yaml", text), "-q"}).exit_code == 0);
  std::ofstream{data / "a.csv"} << "two\n";
  REQUIRE(muster({"run", muster.file("two.yaml", text), "-q"}).exit_code == 0);
  CHECK(content(marks) == "make\n");
  text.replace(text.find("'v1'"), 4, "'v2'");
  REQUIRE(muster({"run", muster.file("two.yaml", text), "-q"}).exit_code == 0);
  CHECK_THAT(muster({"explain", "last", "make"}).out, ContainsSubstring("key: v1 -> v2"));
  text.replace(text.find("echo deep"), 9, "echo DEEP");
  REQUIRE(muster({"run", muster.file("two.yaml", text), "-q"}).exit_code == 0);
  CHECK(content(marks) == "make\nmake\nmake\n");
}

TEST_CASE("a cached task whose runtime was killed serves when it was taken up") {
  const muster_program muster;
  const cleaner at_end(muster.state());
  const auto gate = muster.folder() / "gate";
  std::ofstream{gate};
  const auto spec =
      muster.file("slow.yaml", "workflow:\n  name: slow\n  tasks:\n"
                               "  - {name: t, image: none, cache: true, command: [sh, -c, 'echo up; while "
                               "[ -e " +
                                   gate.string() + " ]; do sleep 0.02; done; echo 1 > {{output}}/x']}\n");
  subprocess running(muster.with({"run", spec}));
  REQUIRE(running.wait_for("t | up"));
  running.signal(SIGKILL);
  running.finish();
  fs::remove(gate);
  REQUIRE(muster({"resume", "last", "-q"}).exit_code == 0);
  REQUIRE(muster({"run", spec, "-q"}).exit_code == 0);
  CHECK_THAT(muster({"explain", "last", "t"}).out, ContainsSubstring("same as slow-1 t"));
  CHECK(content(muster.state() / "workflows" / "slow-2" / "tasks" / "t.output" / "x") == "1\n");
}

TEST_CASE("explain follows what was not run to what failed, and what waits to what it waits for") {
  const muster_program muster;
  const cleaner at_end(muster.state());
  const auto plain = muster.file("plain.yaml", "workflow:\n  name: plain\n  tasks:\n"
                                               "  - {name: a, image: none, command: ['false']}\n"
                                               "  - {name: b, image: none, command: ['true'], inputs: [{task: a}]}\n"
                                               "  - {name: c, image: none, command: ['true'], inputs: [{task: b}]}\n");
  CHECK(muster({"run", plain, "-q"}).exit_code == 3);
  auto why = muster({"explain", "last", "c"}).out;
  CHECK_THAT(why, ContainsSubstring("c  FAILED_UPSTREAM") && ContainsSubstring("because of a  FAILED  exit code 1"));
  const auto nested =
      muster.file("nested.yaml", "workflow:\n  name: nested\n  tasks:\n"
                                 "  - name: out\n    foreach: {from: 0, to: 2}\n    workflow:\n      parameters: {o: "
                                 "'{{item}}'}\n      tasks:\n"
                                 "      - {name: in, image: none, command: [test, '{{parameter:o}}', '!=', '1']}\n"
                                 "  - {name: skip, image: none, when: '1 > 2', command: ['true']}\n"
                                 "  - {name: end, image: none, after: [out], command: ['true']}\n");
  CHECK(muster({"run", nested, "-q"}).exit_code == 3);
  why = muster({"explain", "last"}).out;
  INFO(why);
  CHECK_THAT(why, ContainsSubstring("end  FAILED_UPSTREAM") && ContainsSubstring("because of out.1.in  FAILED"));
  CHECK_THAT(why, ContainsSubstring("skip  SKIPPED") && ContainsSubstring("1 > 2"));
  CHECK_THAT(muster({"explain", "last", "out"}).out, ContainsSubstring("3 elements"));
  CHECK(muster({"explain", "last", "uot"}).exit_code == 4);
  CHECK(muster({"explain", "gone-1"}).exit_code == 4);
}
