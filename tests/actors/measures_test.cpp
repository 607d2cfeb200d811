#include "actor_fixture.hpp"

#include "actors/meters.hpp"
#include "actors/runtime.hpp"
#include "executors/null/null_driver.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace muster;
using namespace muster::test;

namespace {

std::chrono::steady_clock::time_point deadline() {
  return std::chrono::steady_clock::now() + std::chrono::seconds{60};
}

std::unique_ptr<runtime> start(const std::filesystem::path& state, duration run) {
  runtime_config x;
  x.state_directory = state;
  null_config how;
  how.run = run;
  x.pools.push_back({"local", make_null_driver(how)});
  auto started = runtime::start(std::move(x));
  if (!started)
    FAIL(started.failure().message);
  return std::move(*started);
}

spec::workflow gang_and_task() {
  auto w = make_workflow({make_task("alone")});
  w.groups.push_back(make_group("pair", {make_task("left"), make_task("right")}));
  auto after = make_task("after", {"alone"});
  w.groups.push_back(make_group("after-group", {std::move(after)}));
  return w;
}

std::uint64_t of(const status_tally& x, status s) {
  const auto found = x.find(s);
  return found == x.end() ? 0 : found->second;
}

} // namespace

TEST_CASE("a histogram counts by range") {
  histogram_meter x{{1, 10}};
  for (const double value : {0.5, 1.0, 1.5, 10.5, 0.25})
    x.add(value);
  const auto y = x.read();
  CHECK(y.counts == std::vector<std::uint64_t>{3, 1, 1});
  CHECK(y.count == 5);
  CHECK(y.sum > 13.74);
  CHECK(y.sum < 13.76);
}

TEST_CASE("a runtime counts what it does, and what is finished is not live") {
  const temporary_folder state;
  auto r = start(state.path(), {});
  const auto who = r->submit(gang_and_task(), {"text", "muster", "{}"});
  REQUIRE(who);
  REQUIRE(r->wait(who->key, deadline()) == status::completed);
  const auto x = r->measures();
  CHECK(x.submissions == 1);
  CHECK(x.workflows.empty());
  CHECK(x.groups.empty());
  CHECK(x.tasks.empty());
  CHECK(of(x.task_transitions, status::completed) == 4);
  CHECK(of(x.task_transitions, status::running) == 4);
  CHECK(of(x.group_transitions, status::completed) == 3);
  CHECK(of(x.workflow_transitions, status::completed) == 1);
  CHECK(x.queue_wait.count == 3);
  CHECK(x.placement.count == 3);
  CHECK(x.barrier_wait.count == 2);
  CHECK(x.commit_time.count == x.batch_size.count);
  CHECK(x.commit_time.sum > 0);
  REQUIRE(x.drivers.size() == 1);
  CHECK(x.drivers[0].pools == "local");
  CHECK(x.drivers[0].exits == 4);
  CHECK(x.drivers[0].prepares.count + x.drivers[0].starts.count >= 4);
  CHECK(x.process.resident_bytes > 1'000'000);
  CHECK(x.process.threads > 1);
  CHECK(x.process.open_files > 2);
  CHECK(x.process.start_time > 1e9);
  CHECK(x.process.cpu_seconds > 0);
}

TEST_CASE("an executor forgets what could not be prepared or started") {
  const temporary_folder state;
  auto r = start(state.path(), {});
  std::vector<spec::task> all;
  for (const auto* fault : {"MUSTER_NULL_FAIL_PREPARE", "MUSTER_NULL_FAIL_START"}) {
    all.push_back(make_task(all.empty() ? "a" : "b"));
    all.back().environment = {{fault, "no"}};
  }
  const auto who = r->submit(make_workflow(std::move(all)), {"text", "muster", "{}"});
  REQUIRE(who);
  const auto end = r->wait(who->key, deadline());
  REQUIRE(end);
  CHECK(is_failed(*end));
  const auto x = r->measures();
  CHECK(x.drivers[0].prepares_failed + x.drivers[0].starts_failed == 2);
  CHECK(x.drivers[0].attempts == 0);
}

TEST_CASE("what lives is counted by status, also after it was taken up") {
  const temporary_folder state;
  const auto all_wait = [](const runtime& r) {
    const auto until = deadline();
    measures x;
    do
      x = r.measures();
    while (!(of(x.tasks, status::running) == 3 && of(x.tasks, status::waiting) == 1 &&
             of(x.groups, status::running) == 2 && of(x.workflows, status::running) == 1) &&
           std::chrono::steady_clock::now() < until);
    CHECK(of(x.tasks, status::running) == 3);
    CHECK(of(x.tasks, status::waiting) == 1);
    CHECK(of(x.groups, status::running) == 2);
    CHECK(of(x.workflows, status::running) == 1);
  };
  accepted_workflow who;
  {
    auto r = start(state.path(), std::chrono::hours{1});
    const auto submitted = r->submit(gang_and_task(), {"text", "muster", "{}"});
    REQUIRE(submitted);
    who = *submitted;
    all_wait(*r);
  }
  auto r = start(state.path(), std::chrono::hours{1});
  CHECK(r->measures().tasks.empty());
  REQUIRE(r->recover());
  all_wait(*r);
  REQUIRE(r->cancel(who.key, "enough", true));
  REQUIRE(r->wait(who.key, deadline()) == status::failed_canceled);
  CHECK(r->measures().tasks.empty());
  CHECK(r->measures().workflows.empty());
  REQUIRE(r->retry(who.id, {}));
  all_wait(*r);
}
