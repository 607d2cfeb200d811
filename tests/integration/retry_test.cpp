#include "muster/store/reader.hpp"
#include "support/catch.hpp"
#include "support/muster_program.hpp"
#include "support/processes.hpp"

#include <algorithm>
#include <csignal>
#include <fstream>
#include <map>
#include <sstream>

using namespace muster;
using namespace muster::test;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

/// outer x 2 of (inner x 3 -> sum) -> end; `outer.1.inner.1` fails until the flag file is there.
std::string nested(const fs::path& flag) {
  return "workflow:\n"
         "  name: nest\n"
         "  tasks:\n"
         "  - name: outer\n"
         "    foreach: {from: 0, to: 1}\n"
         "    workflow:\n"
         "      parameters: {o: '{{item}}'}\n"
         "      tasks:\n"
         "      - name: inner\n"
         "        image: none\n"
         "        foreach: {from: 0, to: 2}\n"
         "        command: [sh, -c, 'echo ran {{parameter:o}}{{item}}; echo old > {{output}}/x; [ "
         "{{parameter:o}}{{item}} "
         "!= 11 ] || [ -e " +
         flag.string() +
         " ] || exit 3; echo {{item}} > $MUSTER_RESULT; echo whole > {{output}}/x']\n"
         "      - {name: sum, image: none, after: [inner], command: [sh, -c, 'cat $MUSTER_RESULTS/inner.json'], "
         "environment: {ALL: '{{result:inner}}'}}\n"
         "  - {name: end, image: none, after: [outer], command: [echo, over]}\n";
}

std::map<std::string, store::task_record> tasks_of(const muster_program& muster, workflow_key key = {1}) {
  auto reader = store::reader::open(store::state_directory{muster.state()});
  REQUIRE(reader);
  auto rows = reader->tasks(key, {}, 10'000);
  REQUIRE(rows);
  std::map<std::string, store::task_record> out;
  for (auto& t : *rows)
    out.emplace(t.name, std::move(t));
  return out;
}

std::string content(const fs::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void touch(const fs::path& path) {
  std::ofstream{path};
}

std::size_t lines_of(const fs::path& path) {
  const auto text = content(path);
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

} // namespace

TEST_CASE("retry runs the one element of a nested map that failed, and what hangs on it") {
  const muster_program muster;
  const cleaner at_end(muster.state());
  const auto flag = muster.folder() / "flag";
  const auto spec = muster.file("nest.yaml", nested(flag));
  const auto outputs = muster.state() / "workflows" / "nest-1" / "tasks";
  CHECK(muster({"run", spec, "-q"}).exit_code == 3);
  CHECK_FALSE(fs::exists(outputs / "outer.1.inner.1.output"));
  touch(flag);
  const auto done = muster({"retry", "last", "--only-failed"});
  INFO(done.out << done.err);
  CHECK(done.exit_code == 0);
  for (const auto& [name, task] : tasks_of(muster)) {
    INFO(name);
    CHECK(task.status == status::completed);
    CHECK(task.attempt->number == (name == "outer.1.inner.1" ? 1 : 0));
  }
  CHECK(content(outputs / "outer.1.inner.1.output" / "x") == "whole\n");
  CHECK(muster({"logs", "last", "-t", "outer.1.inner.1", "--attempt", "0"}).out == "ran 11\n");
  CHECK(muster({"logs", "last", "-t", "outer.1.inner.1", "--attempt", "1"}).out == "ran 11\n");
  CHECK(muster({"logs", "last", "-t", "outer.1.sum"}).out == "[0,1,2]\n");

  const auto nothing = muster({"retry", "last"});
  CHECK(nothing.exit_code == 5);
  CHECK_THAT(nothing.err, ContainsSubstring("nothing to retry") && ContainsSubstring("--from"));
  const auto unknown = muster({"retry", "nest-1", "--from", "outr"});
  CHECK(unknown.exit_code == 4);
  CHECK_THAT(unknown.err, ContainsSubstring("did you mean 'outer'?"));
  CHECK(muster({"retry", "nest-11"}).exit_code == 4);
  CHECK(muster({"retry", "nest-1", "--from", "end", "--only-failed"}).exit_code == 2);

  CHECK(muster({"retry", "nest-1", "--from", "outer.0.inner.2", "-q"}).exit_code == 0);
  auto tasks = tasks_of(muster);
  CHECK(tasks["outer.0.inner.2"].attempt->number == 1);
  CHECK(tasks["outer.0.inner.1"].attempt->number == 0);
  CHECK(tasks["outer.0.sum"].attempt->number == 1);
  CHECK(tasks["outer.1.sum"].attempt->number == 0);
}

TEST_CASE("what a task wrote before is not its output while it is run once more") {
  const muster_program muster;
  const cleaner at_end(muster.state());
  const auto gate = muster.folder() / "gate";
  const auto spec =
      muster.file("out.yaml", "workflow:\n  name: out\n  tasks:\n"
                              "  - {name: one, image: none, command: [sh, -c, 'echo {{output}} > {{output}}/x; "
                              "echo up; while [ -e " +
                                  gate.string() + " ]; do sleep 0.02; done']}\n");
  const auto link = muster.state() / "workflows" / "out-1" / "tasks" / "one.output";
  CHECK(muster({"run", spec, "-q"}).exit_code == 0);
  CHECK_THAT(content(link / "x"), ContainsSubstring("one.0"));
  touch(gate);
  subprocess running(muster.with({"retry", "last", "--from", "one"}));
  REQUIRE(running.wait_for("one | up"));
  CHECK_FALSE(fs::exists(fs::symlink_status(link)));
  running.signal(SIGKILL); // In the middle of it.
  running.finish();
  fs::remove(gate);
  CHECK(muster({"retry", "last"}).exit_code == 5);
  CHECK(muster({"resume", "last", "-q"}).exit_code == 0);
  CHECK_THAT(content(link / "x"), ContainsSubstring("one.1"));
  CHECK(tasks_of(muster)["one"].attempt->number == 1);
}

TEST_CASE("what a task writes before its run is first shown is shown whole") {
  const muster_program muster;
  const cleaner at_end(muster.state());
  const auto gate = muster.folder() / "gate";
  const auto spec = muster.file("early.yaml", "workflow:\n  name: early\n  tasks:\n"
                                              "  - {name: one, image: none, command: [sh, -c, 'echo up; while [ -e " +
                                                  gate.string() + " ]; do sleep 0.02; done']}\n");
  CHECK(muster({"run", spec, "-q"}).exit_code == 0);
  touch(gate);
  auto retried = muster.with({"retry", "last", "--from", "one"});
  // A pipe that is full holds the program at its first word; the task runs meanwhile.
  const std::vector<std::string> wrapper{"sh", "-c", "head -c 65536 /dev/zero; exec \"$@\"", "sh"};
  retried.argv.insert(retried.argv.begin(), wrapper.begin(), wrapper.end());
  subprocess running(retried);
  REQUIRE(eventually([&] { return content(muster.state() / "workflows/early-1/tasks/one.1.log") == "up\n"; }));
  CHECK(running.wait_for("one | up"));
  fs::remove(gate);
  CHECK(running.finish().exit_code == 0);
}

TEST_CASE("retry compares the spec with what was submitted") {
  const muster_program muster;
  const cleaner at_end(muster.state());
  const std::string before = "workflow:\n  name: cmp\n  tasks:\n"
                             "  - {name: one, image: none, command: [sh, -c, 'exit {{code}}']}\n"
                             "  - {name: two, image: none, command: [echo, a], after: [one]}\n";
  const auto spec = muster.file("cmp.yaml", before);
  CHECK(muster({"run", spec, "-q", "--set", "code=3"}).exit_code == 3);
  CHECK(muster({"retry", "last", "--spec", spec, "-q"}).exit_code == 3);
  auto after = before;
  after.replace(after.find("[echo, a]"), 9, "[echo, b]");
  const auto refused = muster({"retry", "last", "--spec", muster.file("new.yaml", after)});
  CHECK(refused.exit_code == 1);
  CHECK_THAT(refused.err, ContainsSubstring(R"(two: command: ["echo","a"] -> ["echo","b"])"));
  CHECK(tasks_of(muster)["one"].attempt->number == 1);
}

TEST_CASE("kill -9 in the middle of a nested map: resume runs what was unfinished, and nothing twice") {
  const muster_program muster;
  const cleaner at_end(muster.state());
  const auto marks = muster.folder() / "starts";
  const auto gate = muster.folder() / "gate"; // It is not over before it was killed, however late that is.
  const auto spec = muster.file(
      "map.yaml", "workflow:\n"
                  "  name: map\n"
                  "  tasks:\n"
                  "  - name: outer\n"
                  "    foreach: {from: 0, to: 19}\n"
                  "    workflow:\n"
                  "      parameters: {o: '{{item}}'}\n"
                  "      tasks:\n"
                  "      - name: inner\n"
                  "        image: none\n"
                  "        foreach: {from: 0, to: 19}\n"
                  "        command: [sh, -c, 'echo {{parameter:o}}.{{item}} >> " +
                      marks.string() + "; [ {{parameter:o}}.{{item}} != 19.19 ] || until [ -e " + gate.string() +
                      " ]; do sleep 0.05; done; echo {{item}} > $MUSTER_RESULT']\n"
                      "  - {name: end, image: none, after: [outer], command: [echo, over]}\n");
  const std::vector<std::string> common{"--quiet", "--oversubscribe", "1000", "--max-parallel", "8"};
  const auto with = [&common](std::vector<std::string> words) {
    words.insert(words.end(), common.begin(), common.end());
    return words;
  };
  subprocess running(muster.with(with({"run", spec})));
  REQUIRE(eventually([&] { return lines_of(marks) >= 150; }));
  running.signal(SIGKILL);
  running.finish();
  std::map<std::string, timestamp> ended;
  for (const auto& [name, task] : tasks_of(muster))
    if (task.status == status::completed)
      ended[name] = *task.ended;
  CHECK(ended.size() < 400);
  touch(gate);
  const auto done = muster(with({"resume", "last"}));
  INFO(done.out << done.err);
  CHECK(done.exit_code == 0);
  const auto tasks = tasks_of(muster);
  CHECK(tasks.size() == 401);
  for (const auto& [name, task] : tasks) {
    INFO(name);
    CHECK(task.status == status::completed);
    CHECK(task.attempt->number == 0);
    if (const auto before = ended.find(name); before != ended.end())
      CHECK(task.ended == before->second);
  }
  CHECK(lines_of(marks) == 400);
}
