// Fan-out without any process: the null driver ends every attempt at once, so what is left is how a `foreach` is turned
// into tasks, run and recorded.
//
//   flow_bench [ELEMENTS] [ROUNDS]
//
// Prints how long a submission takes, the memory of an element that waits, and elements per second: of ELEMENTS, of a
// tenth of them, and nested three deep.

#include "arguments.hpp"
#include "measure.hpp"

#include "actors/runtime.hpp"
#include "executors/null/null_driver.hpp"
#include "muster/spec/flow.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <memory>
#include <string>

#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace muster;
using namespace muster::bench;

spec::step leaf(std::int64_t count) {
  spec::step x;
  x.name = "leaf";
  spec::task task;
  task.name = "leaf";
  task.image = "none";
  task.command = {"/bin/true", "{{item}}"};
  task.lead = true;
  x.body = spec::group{"leaf-group", false, true, {std::move(task)}};
  x.foreach = spec::foreach{};
  x.foreach->items = spec::each_of_range{1, count, 1};
  return x;
}

/// `depth` nested foreach of `count` elements each.
spec::workflow make_workflow(int depth, std::int64_t count) {
  auto step = leaf(count);
  for (int i = 1; i < depth; ++i) {
    spec::scope inner;
    inner.steps = {std::move(step)};
    step = {};
    step.name = "level" + std::to_string(i);
    step.body = std::make_shared<const spec::scope>(std::move(inner));
    step.foreach = spec::foreach{};
    step.foreach->items = spec::each_of_range{1, count, 1};
  }
  auto whole = std::make_shared<spec::scope>();
  whole->steps = {std::move(step)};
  spec::workflow w;
  w.name = "bench";
  w.resources["default"] = {};
  w.flow = std::move(whole);
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

void run(const spec::workflow& w) {
  const scratch_folder state;
  const auto r = start(state.path(), {}, 0);
  const auto who = r->submit(w, {"", "muster", "{}"});
  if (!who || r->wait(who->key) != status::completed)
    std::exit(1);
}

/// How long a submission takes, and what its elements take while few of them run and the others wait.
void measure_waiting(std::int64_t elements) {
  const scratch_folder state;
  null_config endless;
  endless.run = std::chrono::hours{24};
  const auto r = start(state.path(), endless, 64);
  std::promise<void> reached;
  bool is_reached = false;
  r->subscribe([&](const std::vector<event>& batch) {
    for (const auto& x : batch)
      if (x.status == status::scheduling && !std::exchange(is_reached, true))
        reached.set_value();
  });
  const auto before = resident_bytes();
  auto w = make_workflow(1, elements);
  const auto began = std::chrono::steady_clock::now();
  if (!r->submit(w, {"", "muster", "{}"}))
    std::exit(1);
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - began;
  // The window is full: some run, as many as are admitted wait for a place, the others are numbers.
  reached.get_future().wait();
  const auto after = resident_bytes();
  std::printf("%-34s %10.1f ms until %lld elements are acknowledged\n", "submission", took.count(),
              static_cast<long long>(elements));
  std::printf("%-34s %10.1f bytes per element, those that are admitted and run included\n", "an element that waits",
              (static_cast<double>(after) - static_cast<double>(before)) / static_cast<double>(elements));
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
  int elements = 100'000;
  int rounds = 3;
  take_arguments(argc, argv, "A `foreach` over a range, with the null driver",
                 {{"ELEMENTS", "of the range", &elements}, {"ROUNDS", "of which medians are printed", &rounds}});
  in_fresh_process([&] { measure_waiting(elements); });
  const auto large = make_workflow(1, elements);
  const auto small = make_workflow(1, elements / 10);
  const auto nested = make_workflow(3, 20);
  const std::vector<contestant> contestants{
      {"a tenth, ten times",
       [&] {
         for (int i = 0; i < 10; ++i)
           run(small);
       }},
      {"all at once", [&] { run(large); }},
  };
  print(std::to_string(elements) + " elements, null driver, durable", contestants, run_interleaved(contestants, rounds),
        elements, 0);
  const std::vector<contestant> deep{{"20 x 20 x 20", [&] { run(nested); }}};
  print("8000 elements, nested three deep", deep, run_interleaved(deep, rounds), 8000, 0);
  return 0;
}
