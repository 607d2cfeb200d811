#include "support/catch.hpp"
#include "support/muster_program.hpp"
#include "support/processes.hpp"
#include "support/shared_folder.hpp"

#include <cstdlib>
#include <deque>
#include <map>

// The tutorials of another system that need only a shell, as they are.

using namespace muster::test;
using namespace std::chrono_literals;

namespace {

struct tutorial {
  std::string file;
  std::string workflow;                                   ///< Its id.
  std::map<std::string, std::vector<std::string>> prints; ///< Per task, in its log.
};

const std::vector<tutorial> tutorials{
    {"hello_world", "hello-osmo-1", {{"hello", {"Hello from OSMO!\n"}}}},
    {"serial_workflow",
     "serial-tasks-1",
     {{"task1", {"Hello from task1 "}},
      {"task2", {"Reading from task 1\na line: Data from task 1\n"}},
      {"task3", {"Reading from task 1\na line: Data from task 1\nReading from task 2\na line: Data from task 2\n"}}}},
    {"parallel_tasks",
     "parallel-tasks-1",
     {{"task-a", {"Hello from task-a\n"}}, {"task-b", {"Hello from task-b\n"}}, {"task-c", {"Hello from task-c\n"}}}},
    {"group_tasks",
     "grouped-workflow-1",
     {{"processor-1", {"Processing item 5\n", "Processor 1: Complete\n"}},
      {"processor-2", {"Processing item 10\n", "Processor 2: Complete\n"}},
      {"processor-3", {"Processing item 15\n", "Processor 3: Complete\n"}}}},
    // Not group_tasks_communication: both members write /tmp/hello.txt, which is one file where /tmp is one folder, and
    // its `nc -l` waits for ever if the client was the first.
    // The others of each group are ended with its lead, at once: what they print is not certain.
    {"combination_workflow_simple",
     "data-pipeline-1",
     {{"generate-data", {"Training data generation complete!\n"}},
      {"train-model-a", {"sample_1,value_1\n", "sample_10,value_10\n", "Model A complete!\n"}}}},
    {"template_hello_world", "hello-osmo-1", {{"hello", {"Hello from OSMO!\n"}}}},
    {"token_example",
     "my-experiment-1",
     {{"experiment", {"Running experiment: my-experiment\n", "Workflow ID: my-experiment-1\n"}}}},
    {"resources_basic", "resource-demo-1", {{"my-task", {"Using default resources\n"}}}},
};

/// One tutorial under way, on a state directory of its own.
struct run_of {
  run_of(const tutorial& x, const std::string& folder)
      : what(x), at_end(muster.state()), process([&] {
          auto command = muster.with({"run", folder + x.file + ".yaml", "--oversubscribe", "20"});
          return command;
        }()) {}

  const tutorial& what;
  muster_program muster;
  cleaner at_end;
  subprocess process;
};

} // namespace

TEST_CASE("the tutorials that need only a shell run as they are, all at the same time") {
  const auto shared = shared_folder();
  if (!shared) {
    WARN("skipped: the tutorials are no part of the project, and ../shared is not here");
    return;
  }
  const auto folder = (*shared / "corpus/osmo-tutorials/").string();
  std::deque<run_of> all;
  for (const auto& x : tutorials)
    all.emplace_back(x, folder);
  const tutorial slow{"combination_workflow_complex", "combination-workflow-complex-1", {}};
  if (std::getenv("MUSTER_SLOW_TUTORIALS") != nullptr)
    all.emplace_back(slow, folder);
  for (auto& x : all) {
    const auto said = x.process.finish(std::getenv("MUSTER_SLOW_TUTORIALS") != nullptr ? 240s : 90s);
    INFO(x.what.file << '\n' << said.out << said.err);
    CHECK(said.exit_code == 0);
    for (const auto& [task, lines] : x.what.prints) {
      const auto log = x.muster({"logs", x.what.workflow, "-t", task}).out;
      for (const auto& line : lines)
        CHECK_THAT(log, ContainsSubstring(line));
    }
    CHECK(left_behind(x.muster.state()).empty());
  }
}
