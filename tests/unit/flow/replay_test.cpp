#include "support/catch.hpp"

#include "unit/flow/world.hpp"

#include <set>

using namespace muster;
using namespace muster::test;

namespace {

using outcome = flow_world::outcome;

/// A bit of everything: nested maps, branches, a switch, a loop, conditions, failures that are borne.
spec::scope_ptr everything() {
  auto split = task_step("split");
  spec::scope inner;
  auto leaf = task_step("leaf");
  leaf.foreach = range(0, 3);
  leaf.foreach->max_parallel = 2;
  auto second = task_step("second", {"leaf"});
  second.foreach = spec::foreach{};
  second.foreach->items = spec::each_of_step{"leaf"};
  inner.steps = {leaf, second, task_step("sum", {"second"})};
  auto map = workflow_step("map", inner);
  map.needs = {"split"};
  map.foreach = spec::foreach{};
  map.foreach->items = spec::each_of_result{"split"};
  map.foreach->max_failures = 1;
  spec::step route;
  route.name = "route";
  route.needs = {"map"};
  spec::switch_body choice;
  choice.value = "results.split | length";
  choice.cases = {{"5", scope_of({task_step("five")})}};
  choice.otherwise = scope_of({task_step("other")});
  route.needs = {"map", "split"};
  route.body = choice;
  auto loop = task_step("loop", {"map"});
  loop.repeat = spec::repeat{"result.n >= 3", 10, {{"n", spec::template_value{0}}}};
  std::get<spec::group>(loop.body).tasks.front().args = {"{{carry.n}}"};
  auto skipped = task_step("skipped", {"split"});
  skipped.when = "results.split[0] > 100";
  auto fast = task_step("fast", {"split"});
  fast.foreach = range(0, 20);
  fast.foreach->fail_fast = true;
  fast.foreach->allow_partial = true;
  fast.on_failure = scope_of({task_step("on_failure")});
  auto strict = fast;
  strict.name = "strict";
  strict.body = task_step("strict").body;
  strict.foreach->allow_partial = false;
  return scope_of(
      {split, map, route, loop, skipped, fast, strict, task_step("end", {"route", "loop", "fast", "strict"})});
}

outcome decide(const flow::gang& gang, const flow::gang_values& values) {
  const auto& name = gang.tasks.front();
  if (name == "split")
    return {status::completed, "[1,2,3,4,5]"};
  if (name.rfind("loop", 0) == 0)
    return {status::completed, "{\"n\":" + std::to_string(std::stoi(values.tokens.at("carry.n")) + 1) + "}"};
  if (name == "map.2.leaf.1" || name == "fast.7" || name == "strict.7")
    return {status::failed, ""};
  return {status::completed, "\"" + name + "\""};
}

} // namespace

TEST_CASE("a machine that is told what was recorded goes on where the other one was, whatever the moment") {
  flow_world whole{everything(), decide};
  whole.run(6, 1);
  REQUIRE(whole.machine.done());
  const auto total = whole.begun.size();
  REQUIRE(whole.machine.status() == status::completed);
  REQUIRE(whole.ends.count("strict.on_failure") == 1);
  for (std::size_t stop = 0; stop <= total; ++stop)
    for (const std::uint32_t seed : {1U, 2U, 3U}) {
      INFO("stopped after " << stop << ", seed " << seed);
      flow_world before{everything(), decide};
      before.run_some(stop, 6, seed);
      flow_world after{everything(), decide};
      after.machine.recall(before.recorded());
      after.run(6, seed + 10);
      CHECK(after.machine.done());
      CHECK(after.machine.to_recall() == 0);
      CHECK(after.machine.status() == status::completed);
      const std::set<std::string> first(before.begun.begin(), before.begun.end());
      for (const auto& name : after.begun)
        CHECK(first.count(name) == 0);
    }
}

TEST_CASE("a map of a hundred thousand elements holds a byte for each that waits") {
  auto each = task_step("t");
  each.foreach = range(1, 100'000);
  flow_world world{scope_of({each})};
  world.run_some(1000, 100, 0);
  CHECK(world.begun.size() == 1100);
  const auto seen = world.machine.view();
  REQUIRE(seen.size() == 1);
  CHECK(seen.front().elements == 100'000);
  CHECK(seen.front().completed == 1000);
  CHECK(seen.front().running == 100);
}
