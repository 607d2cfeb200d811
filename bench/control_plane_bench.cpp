// The runtime without any process: the null driver ends every attempt at once, so what is left is Muster itself, with
// every transition journaled and fsynced.
//
//   control_plane_bench [TASKS] [ROUNDS]
//
// Prints tasks per second for independent tasks and for gangs of eight, and the memory of a task that waits and of one
// that runs.

#include "arguments.hpp"
#include "measure.hpp"

#include "actors/runtime.hpp"
#include "executors/null/null_driver.hpp"

#include <cstdio>
#include <cstdlib>
#include <future>
#include <string>

#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace muster;
using namespace muster::bench;

spec::task make_task(const std::string& name) {
  spec::task x;
  x.name = name;
  x.image = "none";
  x.command = {"/bin/true"};
  return x;
}

/// `tasks` tasks in groups of `size`; with `after_first` all others wait for the first.
spec::workflow make_workflow(int tasks, int size, bool after_first) {
  spec::workflow w;
  w.name = "bench";
  w.resources["default"] = {};
  for (int i = 0; i < tasks; i += size) {
    spec::group g;
    g.name = "g" + std::to_string(i);
    for (int k = 0; k < size; ++k) {
      g.tasks.push_back(make_task("t" + std::to_string(i + k)));
      if (after_first && i > 0)
        g.tasks.back().inputs.push_back({spec::task_input{"t0", {}}, {}});
    }
    g.tasks.front().lead = true;
    g.barrier = size > 1;
    w.groups.push_back(std::move(g));
  }
  return w;
}

std::unique_ptr<runtime> start(const std::string& state, const null_config& behaviour, std::uint32_t parallel) {
  runtime_config config;
  config.state_directory = state;
  config.pools.push_back({"local", make_null_driver(behaviour), {}, parallel});
  auto started = runtime::start(std::move(config));
  if (!started) {
    std::fprintf(stderr, "benchmark: %s\n", started.failure().message.c_str());
    std::exit(1);
  }
  return std::move(*started);
}

void run(const spec::workflow& w, std::uint32_t parallel) {
  const scratch_folder state;
  const auto r = start(state.path(), {}, parallel);
  const auto who = r->submit(w, {"", "muster", "{}"});
  if (!who || r->wait(who->key) != status::completed)
    std::exit(1);
}

/// Memory per task while `tasks` of them are in `wanted`.
void measure_memory(const char* what, int tasks, bool after_first, status wanted) {
  const scratch_folder state;
  null_config endless;
  endless.run = std::chrono::hours{24};
  const auto r = start(state.path(), endless, 0);
  std::promise<void> reached;
  const int needed = after_first ? 1 : tasks;
  int running = 0;
  r->subscribe([&](const std::vector<event>& batch) {
    for (const auto& x : batch)
      if (x.type == event_type::task_status && x.status == status::running && ++running == needed)
        reached.set_value();
  });
  const auto before = resident_bytes();
  {
    const auto w = make_workflow(tasks, 1, after_first);
    if (!r->submit(w, {"", "muster", "{}"}))
      std::exit(1);
  }
  reached.get_future().wait();
  const auto after = resident_bytes();
  std::printf("%-34s %10.0f bytes per task (%d tasks %s)\n", what,
              (static_cast<double>(after) - static_cast<double>(before)) / static_cast<double>(tasks), tasks,
              std::string{to_string(wanted)}.c_str());
}

/// In a process of its own, forked before there are threads: memory that other rounds gave back would be taken again.
template <class F>
void in_fresh_process(F measure) {
  std::fflush(stdout);
  const pid_t child = ::fork();
  if (child == 0) {
    measure();
    std::fflush(stdout);
    ::_exit(0);
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child || status != 0)
    std::exit(1);
}

} // namespace

int main(int argc, char* argv[]) {
  int tasks = 50'000;
  int rounds = 3;
  take_arguments(argc, argv, "Tasks per second of the control plane alone, with the null driver",
                 {{"TASKS", "of each workflow", &tasks}, {"ROUNDS", "of which medians are printed", &rounds}});
  in_fresh_process([] { measure_memory("a task that waits", 100'000, true, status::waiting); });
  in_fresh_process([] { measure_memory("a task that runs", 10'000, false, status::running); });
  const auto flat = make_workflow(tasks, 1, false);
  const auto gangs = make_workflow(tasks - tasks % 8, 8, false);
  const std::vector<contestant> contestants{
      {"independent tasks", [&] { run(flat, 0); }},
      {"independent tasks, 64 at a time", [&] { run(flat, 64); }},
      {"gangs of eight", [&] { run(gangs, 0); }},
  };
  print(std::to_string(tasks) + " tasks, null driver, durable", contestants, run_interleaved(contestants, rounds),
        tasks, 0);
  return 0;
}
