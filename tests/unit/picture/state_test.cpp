#include "muster/picture/state.hpp"

#include "support/catch.hpp"

#include "unit/flow/world.hpp"

#include <algorithm>

using namespace muster;
using namespace muster::test;

namespace {

using outcome = flow_world::outcome;

std::vector<picture::gang_row> rows_of(const flow_world& world) {
  std::vector<picture::gang_row> out;
  for (auto& [name, x] : world.recorded())
    out.push_back({name, x.index, x.status, x.is_step, is_failed(x.status) ? "exit code 1" : "", {}, {}, x.results});
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.index < b.index; });
  return out;
}

const picture::step_state& find(const std::vector<picture::step_state>& steps, std::string_view path) {
  const auto at = std::find_if(steps.begin(), steps.end(), [&](const auto& x) { return x.path == path; });
  INFO("looking for " << path);
  REQUIRE(at != steps.end());
  return *at;
}

/// Elements fail whose number ends in 7.
outcome sevens_fail(const flow::gang& gang, const flow::gang_values&) {
  const bool bad = gang.tasks.front().back() == '7';
  return {bad ? status::failed : status::completed, bad ? "" : "1"};
}

} // namespace

TEST_CASE("a foreach shows its counts, its open elements, and the first failures") {
  auto train = task_step("train");
  train.foreach = range(0, 999);
  train.foreach->max_parallel = 8;
  auto merge = task_step("merge", {"train"});
  const auto definition = scope_of({train, merge});
  flow_world world(definition, sevens_fail);
  world.run_some(120, 100, 0);
  const auto steps = picture::state_of(definition, rows_of(world), std::nullopt, 5);
  REQUIRE(steps.size() == 2);
  const auto& x = find(steps, "train");
  CHECK(x.status == status::running);
  CHECK(x.elements == 1000);
  CHECK(x.completed == 108);
  CHECK(x.failed == 12);
  CHECK(x.running == 8);
  CHECK(x.queued == 0);
  CHECK(counts_text(x) == "elements 108/1000 done, 8 running, 12 failed");
  REQUIRE(x.inner.size() == 8);
  CHECK(x.inner.front().path == "train.120");
  CHECK(x.inner.front().status == status::running);
  REQUIRE(x.failures.size() == 5);
  CHECK(std::any_of(x.failures.begin(), x.failures.end(),
                    [](const auto& f) { return f.path == "train.7" && f.reason == "exit code 1"; }));
  CHECK(std::none_of(x.failures.begin(), x.failures.end(), [](const auto& f) { return f.borne; }));
  CHECK(x.more_failures == 7);
  const auto& waits = find(steps, "merge");
  CHECK(waits.status == status::waiting);
  CHECK(waits.reason == "waiting for train");
  CHECK(counts_text(waits).empty());
}

TEST_CASE("elements that nobody has begun are not shown as begun") {
  auto train = task_step("train");
  train.foreach = range(0, 99'999);
  const auto definition = scope_of({train});
  const auto untouched = picture::state_of(definition, {}, std::nullopt, 5);
  CHECK(find(untouched, "train").status == status::waiting);
  CHECK(find(untouched, "train").inner.empty());
  flow_world world(definition);
  world.run_some(50, 10, 3);
  const auto steps = picture::state_of(definition, rows_of(world), std::nullopt, 5);
  const auto& x = find(steps, "train");
  CHECK(x.completed == 50);
  CHECK(x.running == 10);
  CHECK(x.queued == 0);
  CHECK(x.inner.size() == 10);
}

TEST_CASE("nested elements show their steps while they are open, and their failures after") {
  auto leaf = task_step("leaf");
  leaf.foreach = range(0, 9);
  leaf.foreach->max_failures = 10;
  auto sum = task_step("sum");
  sum.after = {{"leaf", spec::after_on::always}};
  spec::scope inner;
  inner.steps = {leaf, sum};
  auto map = workflow_step("map", inner);
  map.foreach = range(0, 3);
  map.foreach->max_parallel = 1;
  const auto definition = scope_of({map});
  flow_world world(definition, sevens_fail);
  world.run_some(14, 3, 0); // One element with its sum, and three leaves of the next.
  const auto steps = picture::state_of(definition, rows_of(world), std::nullopt, 5);
  const auto& x = find(steps, "map");
  CHECK(x.status == status::running);
  CHECK(x.completed == 1);
  REQUIRE(x.failures.size() == 1);
  CHECK(x.failures[0].path == "map.0.leaf.7");
  CHECK(x.failures[0].borne);
  REQUIRE(x.inner.size() == 1);
  CHECK(x.inner[0].path == "map.1");
  CHECK(x.inner[0].status == status::running);
  const auto& open = find(x.inner[0].inner, "map.1.leaf");
  CHECK(open.completed == 3);
  CHECK(open.running == 3);
  CHECK(find(x.inner[0].inner, "map.1.sum").reason == "waiting for leaf");
}

TEST_CASE("a loop shows its rounds, a switch the way that was taken, a canceled run what never began") {
  auto toss = task_step("toss");
  auto loop = task_step("loop", {"toss"});
  loop.repeat = spec::repeat{"index >= 2", 10, {}};
  spec::step route;
  route.name = "route";
  route.needs = {"toss"};
  spec::switch_body choice;
  choice.value = "results.toss";
  choice.cases = {{"1", scope_of({task_step("one")})}};
  choice.otherwise = scope_of({task_step("other")});
  route.body = choice;
  const auto definition = scope_of({toss, loop, route, task_step("last", {"loop", "route"})});
  CHECK(picture::deciding_steps(*definition) == std::set<std::string>{"loop", "toss"});
  flow_world world(definition, sevens_fail);
  world.run_some(5, 10, 0);
  const auto steps = picture::state_of(definition, rows_of(world), std::nullopt, 5);
  CHECK(find(steps, "loop").rounds == 3);
  REQUIRE(find(steps, "route").inner.size() == 1);
  CHECK(find(steps, "route").inner[0].path == "route.1.one");
  const auto canceled = picture::state_of(definition, {}, "enough", 5);
  for (const auto& x : canceled)
    CHECK(is_failed(x.status));
  CHECK(find(canceled, "last").reason == "enough");
}

TEST_CASE("results decide where an expression, a list or a parameter looks at them, else not") {
  auto list = task_step("list");
  auto each = task_step("each", {"list"});
  each.foreach = spec::foreach{};
  each.foreach->items = spec::each_of_result{"list.items"};
  auto plain = task_step("plain", {"each"});
  CHECK(picture::deciding_steps(*scope_of({list, each, plain})) == std::set<std::string>{"list"});
  CHECK(picture::deciding_steps(*scope_of({list, plain}))->empty());
  auto any = task_step("any", {"list"});
  any.when = "results | length > 3";
  CHECK_FALSE(picture::deciding_steps(*scope_of({list, any})));
}
