#include "support/catch.hpp"

#include "unit/flow/world.hpp"

#include "muster/flow/retry.hpp"

#include <set>

using namespace muster;
using namespace muster::test;

namespace {

using outcome = flow_world::outcome;
using names = std::set<std::string>;

/// a -> map (3 x leaf, sum) -> end; a failed element 1 in each; borne: one of three may fail; made_good: handled.
spec::scope_ptr definition() {
  spec::scope inner;
  auto leaf = task_step("leaf");
  leaf.foreach = range(0, 2);
  inner.steps = {leaf, task_step("sum", {"leaf"})};
  auto map = workflow_step("map", inner);
  map.needs = {"a"};
  map.foreach = range(0, 2);
  auto borne = task_step("borne");
  borne.foreach = range(0, 2);
  borne.foreach->max_failures = 1;
  auto made_good = task_step("made_good");
  made_good.on_failure = scope_of({task_step("on_failure")});
  return scope_of({task_step("a"), map, borne, made_good, task_step("end", {"map"})});
}

outcome first_time(const flow::gang& gang, const flow::gang_values&) {
  const auto& name = gang.tasks.front();
  const bool fails = name == "map.1.leaf.2" || name == "borne.1" || name == "made_good";
  return {fails ? status::failed : status::completed, ""};
}

/// Everything that was recorded, notes as well.
std::vector<std::pair<std::string, flow::recorded_gang>> all_of(const flow_world& world) {
  auto out = world.recorded();
  for (const auto& [task, reason] : world.reasons)
    out.emplace_back(task + "-group", flow::recorded_gang{group_index{100}, world.ends.at(task), {}});
  return out;
}

names retried(const std::vector<std::pair<std::string, flow::recorded_gang>>& recorded, const std::string& from) {
  const auto found = flow::gangs_to_retry(definition(), recorded, from);
  REQUIRE(found);
  names out;
  for (const auto i : *found)
    out.insert(recorded[i].first);
  return out;
}

} // namespace

TEST_CASE("a retry takes what did not complete, at the level of elements, and leaves what was borne or made good") {
  flow_world world{definition(), first_time};
  world.run();
  REQUIRE(world.machine.status() == status::failed);
  const auto recorded = all_of(world);
  CHECK(retried(recorded, "") == names{"map.1.leaf.2-group", "map.1.sum-group", "end-group"});
}

TEST_CASE("a retry from a step takes all that depends on it as well") {
  flow_world world{definition(), first_time};
  world.run();
  const auto recorded = all_of(world);
  CHECK(retried(recorded, "map.0.leaf.1") ==
        names{"map.0.leaf.1-group", "map.0.sum-group", "map.1.leaf.2-group", "map.1.sum-group", "end-group"});
  CHECK(retried(recorded, "a").size() == 1 + 12 + 1);
  CHECK(retried(recorded, "made_good").count("made_good-group") == 1);
  CHECK(flow::gangs_to_retry(definition(), recorded, "map.0.nothing").failure().code == ec::not_found);
  for (const auto* no_element : {"map.7", "map.0.leaf.9", "a.0"})
    CHECK(flow::gangs_to_retry(definition(), recorded, no_element).failure().code == ec::not_found);
}

TEST_CASE("a run goes on after a retry, and only what was reopened is run") {
  flow_world world{definition(), first_time};
  world.run();
  auto recorded = all_of(world);
  const auto again = flow::gangs_to_retry(definition(), recorded, "");
  REQUIRE(again);
  for (const auto i : *again)
    recorded[i].second.status = status::waiting;
  flow_world second{definition()};
  second.machine.recall(recorded);
  second.run();
  CHECK(second.machine.status() == status::completed);
  CHECK(second.begun.empty());
  CHECK(second.ends.size() == 3);
}
