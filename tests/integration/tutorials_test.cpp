#include "support/catch.hpp"
#include "support/muster_program.hpp"
#include "support/processes.hpp"
#include "support/shared_folder.hpp"

#include <cstdlib>
#include <deque>
#include <fstream>
#include <iterator>
#include <map>
#include <utility>

#include <unistd.h>

// The tutorials of another system that need only a shell.

using namespace muster::test;
using namespace std::chrono_literals;

namespace {

struct tutorial {
  std::string file;
  std::string workflow;                                          ///< Its id.
  std::map<std::string, std::vector<std::string>> prints;        ///< Per task, in its log.
  std::vector<std::pair<std::string, std::string>> changes = {}; ///< What is replaced in its text.
};

/// A port that other runs of this test hardly use at the same time: its server listens at all addresses.
std::string some_port() {
  return std::to_string(20'000 + ::getpid() % 10'000);
}

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
    // Both members write /tmp/hello.txt, each its own. Members of a group are started together, so that the client may
    // well come before the server listens: here it tries again. -N is what the nc of the image does by itself: it ends
    // the connection with its input, where that of OpenBSD waits until it has been idle for -w seconds.
    {"group_tasks_communication",
     "grouped-workflow-communication-1",
     {{"server", {"Server: Starting...\n", "Server: Complete\n"}},
      {"client", {"Client: Starting...\n", "Received from server: hello\n", "Client: Complete\n"}}},
     {{"nc -w 50 -l -p 24831 < /tmp/hello.txt", "nc -w 50 -N -l -p " + some_port() + " < /tmp/hello.txt"},
      {"nc -w 30 {{host:server}} 24831 > /tmp/hello.txt",
       "until nc -w 30 -N {{host:server}} " + some_port() + " > /tmp/hello.txt; do sleep 0.1; done"}}},
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

/// The path of the tutorial, or of a copy with its changes.
std::string text_of(const tutorial& x, const muster_program& muster, const std::string& folder) {
  const auto path = folder + x.file + ".yaml";
  if (x.changes.empty())
    return path;
  std::ifstream file{path};
  std::string text{std::istreambuf_iterator<char>{file}, {}};
  for (const auto& [from, to] : x.changes) {
    const auto at = text.find(from);
    REQUIRE(at != std::string::npos);
    text.replace(at, from.size(), to);
  }
  return muster.file(x.file + ".yaml", text);
}

/// One tutorial under way, on a state directory of its own.
struct run_of {
  run_of(const tutorial& x, const std::string& folder)
      : what(x), at_end(muster.state()),
        process(muster.with({"run", text_of(x, muster, folder), "--oversubscribe", "20"})) {}

  const tutorial& what;
  muster_program muster;
  cleaner at_end;
  subprocess process;
};

} // namespace

TEST_CASE("the tutorials that need only a shell run, all at the same time") {
  const auto shared = shared_folder();
  if (!shared)
    return;
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
