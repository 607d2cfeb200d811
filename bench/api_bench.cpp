// How long the API's handlers take, without sockets: pages of a long list, and the acknowledgement of a large workflow.
//   api_bench [WORKFLOWS] [TASKS]     (default: 100,000 finished workflows; a submission of 10,000 tasks)
#include "actors/runtime.hpp"
#include "arguments.hpp"
#include "executors/null/null_driver.hpp"
#include "gateway/api/routes.hpp"
#include "gateway/http/target.hpp"
#include "measure.hpp"
#include "muster/store/writer.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

using namespace muster;
using steady = std::chrono::steady_clock;

double milliseconds_since(steady::time_point start) {
  return std::chrono::duration<double, std::milli>(steady::now() - start).count();
}

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "api_bench: %s\n", why.c_str());
  std::exit(1);
}

/// Workflows of one task that have run, as a head leaves them.
void fill(const store::state_directory& where, std::size_t count) {
  auto writer = store::writer::open(where);
  if (!writer)
    give_up(writer.failure().message);
  std::int64_t clock = 1'700'000'000'000'000;
  for (std::size_t i = 0; i < count; ++i) {
    store::submission s;
    s.time = timestamp{duration{clock += 1000}};
    s.name = "run";
    s.user = i % 10 == 0 ? "ann" : "bob";
    s.pool = "local";
    s.options = "{}";
    s.profile = "muster";
    s.spec_text = "workflow:\n  name: run\n";
    s.groups.push_back({"t-group", false, true, {}, status::waiting});
    s.tasks.push_back({"t", {0}, true, R"({"cpu":1})", R"({"image":"none"})", status::waiting});
    const auto made = writer->submit(s);
    if (!made)
      give_up(made.failure().message);
    event x;
    x.workflow = made->key;
    const auto end = i % 20'000 == 10 ? status::failed : status::completed; // A few, far apart.
    for (const auto state : {status::processing, status::running, end}) {
      x.type = event_type::task_status;
      x.status = state;
      x.time = timestamp{duration{clock += 1000}};
      if (auto done = writer->append(x); !done)
        give_up(done.failure().message);
    }
    x.type = event_type::workflow_status;
    if (auto done = writer->append(x); !done)
      give_up(done.failure().message);
    if (writer->pending() > 50'000)
      (void)writer->commit();
  }
  if (auto done = writer->commit(); !done)
    give_up(done.failure().message);
}

http::response ask(const http::router& routes, const std::string& method, const std::string& target,
                   std::string body = {}) {
  auto parsed = http::parse_target(target);
  http::request x;
  x.method = method;
  x.path = std::move(parsed->path);
  x.parts = std::move(parsed->parts);
  x.query = std::move(parsed->query);
  x.body = std::move(body);
  x.id = "bench";
  x.headers.emplace("Content-Type", "application/yaml");
  return routes.route(x);
}

void measure_page(const http::router& routes, const std::string& target) {
  std::vector<double> times;
  for (int i = 0; i < 100; ++i) {
    const auto start = steady::now();
    const auto got = ask(routes, "GET", target);
    times.push_back(milliseconds_since(start));
    if (got.status != 200)
      give_up(target + ": " + got.body);
  }
  std::sort(times.begin(), times.end());
  std::printf("  %-48s p50 %7.2f ms   p99 %7.2f ms   worst %7.2f ms\n", target.c_str(), times[50], times[98],
              times.back());
}

} // namespace

int main(int argc, char** argv) {
  int finished = 100'000;
  int submitted = 10'000;
  bench::take_arguments(argc, argv, "What requests to the API cost",
                        {{"WORKFLOWS", "finished ones in the store", &finished},
                         {"TASKS", "of the workflow that is submitted", &submitted}});
  const auto workflows = static_cast<std::size_t>(finished);
  const auto tasks = static_cast<std::size_t>(submitted);
  const bench::scratch_folder folder;
  const store::state_directory where{folder.path()};
  fill(where, workflows);
  runtime_config config;
  config.state_directory = folder.path();
  pool_setup pool;
  pool.executor = make_null_driver();
  config.pools.push_back(std::move(pool));
  auto engine = runtime::start(std::move(config));
  if (!engine)
    give_up(engine.failure().message);
  const auto with = std::make_shared<gateway::services>(where);
  with->engine = engine->get();
  const auto routes = gateway::make_routes(with);

  std::printf("a page of %zu finished workflows\n", workflows);
  const auto middle = ask(routes, "GET", "/v1/workflows?limit=1000").body;
  for (const auto* target :
       {"/v1/workflows", "/v1/workflows?limit=1000", "/v1/workflows?unfinished", "/v1/workflows?status=failed",
        "/v1/workflows?status=completed&user=ann", "/v1/workflows?status=failed&user=ann",
        "/v1/workflows?status=running,failed&user=bob&pool=local", "/v1/workflows?name=run",
        "/v1/workflows?pool=local&user=ann", "/v1/workflows?label=none", "/v1/workflows/run-50"})
    measure_page(routes, target);

  std::string spec = "workflow:\n  name: large\n  tasks:\n";
  for (std::size_t i = 0; i < tasks; ++i)
    spec += "  - {name: t" + std::to_string(i) + ", image: none, command: [\"true\"], environment: {A: \"" +
            std::to_string(i) + "\"}}\n";
  std::vector<double> times;
  for (int i = 0; i < 5; ++i) {
    const auto start = steady::now();
    const auto got = ask(routes, "POST", "/v1/workflows", spec);
    times.push_back(milliseconds_since(start));
    if (got.status != 201)
      give_up(got.body);
  }
  std::sort(times.begin(), times.end());
  std::printf("submission of %zu tasks to its acknowledgement   p50 %.0f ms   worst %.0f ms\n", tasks, times[2],
              times.back());
}
