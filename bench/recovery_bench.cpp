// A head that comes back: how long from the start of the runtime until all unfinished workflows are live again.
//
//   recovery_bench [TASKS] [WORKFLOWS]
//
// TASKS tasks (100,000) wait in one workflow, where the first one runs; then as many in WORKFLOWS (1,000) of them.

#include "arguments.hpp"
#include "measure.hpp"

#include "actors/runtime.hpp"
#include "executors/null/null_driver.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

using namespace muster;
using namespace muster::bench;

/// All tasks wait for the first.
spec::workflow make_workflow(int tasks) {
  spec::workflow w;
  w.name = "bench";
  w.resources["default"] = {};
  for (int i = 0; i < tasks; ++i) {
    spec::task x;
    x.name = "t" + std::to_string(i);
    x.image = "none";
    x.command = {"/bin/true"};
    if (i > 0)
      x.inputs.push_back({spec::task_input{"t0", {}}, {}});
    spec::group g;
    g.name = x.name + "-group";
    g.tasks.push_back(std::move(x));
    g.tasks.front().lead = true;
    g.barrier = false;
    w.groups.push_back(std::move(g));
  }
  return w;
}

std::unique_ptr<runtime> start(const std::string& state) {
  runtime_config config;
  config.state_directory = state;
  null_config endless;
  endless.run = std::chrono::hours{24};
  config.pools.push_back({"local", make_null_driver(endless)});
  config.threads = 2;
  auto started = runtime::start(std::move(config));
  if (!started)
    std::exit(1);
  return std::move(*started);
}

double seconds_since(std::chrono::steady_clock::time_point x) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - x).count();
}

void measure(const std::string& what, int workflows, int tasks) {
  const scratch_folder state;
  {
    const auto r = start(state.path());
    const auto w = make_workflow(tasks);
    for (int i = 0; i < workflows; ++i)
      if (!r->submit(w, {"", "muster", "{}"}))
        std::exit(1);
  }
  for (int round = 0; round < 3; ++round) {
    const auto begun = std::chrono::steady_clock::now();
    const auto r = start(state.path());
    const auto started = seconds_since(begun);
    const auto report = r->recover();
    if (!report || report->counts.taken_up != static_cast<std::size_t>(workflows))
      std::exit(1);
    std::printf("%-34s %8.3f s to start, %8.3f s until all is live\n", what.c_str(), started, seconds_since(begun));
  }
}

} // namespace

int main(int argc, char* argv[]) {
  int tasks = 100'000;
  int workflows = 1'000;
  take_arguments(argc, argv, "How long a start takes over unfinished workflows",
                 {{"TASKS", "in all", &tasks}, {"WORKFLOWS", "that they are in, the second time", &workflows}});
  measure(std::to_string(tasks) + " tasks in one workflow", 1, tasks);
  measure(std::to_string(tasks) + " tasks in " + std::to_string(workflows) + " workflows", workflows,
          tasks / workflows);
}
