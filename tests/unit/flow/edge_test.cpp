#include "support/catch.hpp"

#include "unit/flow/world.hpp"

#include <algorithm>

using namespace muster;
using namespace muster::test;

namespace {

using names = std::vector<std::string>;
using outcome = flow_world::outcome;

flow_world::decider failing(names which) {
  return [which = std::move(which)](const auto& gang, auto&) {
    const bool fails = std::find(which.begin(), which.end(), gang.tasks.front()) != which.end();
    return outcome{fails ? status::failed : status::completed, ""};
  };
}

spec::step fan_step(const std::string& name, std::int64_t count) {
  auto out = task_step(name);
  out.foreach = range(0, count - 1);
  return out;
}

spec::step following(const std::string& name, const std::string& source) {
  auto out = task_step(name);
  out.foreach.emplace();
  out.foreach->items = spec::each_of_step{source};
  return out;
}

} // namespace

TEST_CASE("on_failure begins once, however many elements fail_fast ends with the first") {
  auto fan = fan_step("a", 4);
  fan.foreach->max_parallel = 1;
  fan.foreach->fail_fast = true;
  fan.on_failure = scope_of({task_step("on_failure")});
  flow_world world{scope_of({fan, task_step("b", {"a"})}), failing({"a.0"})};
  world.run();
  CHECK(world.begun == names{"a.0", "a.on_failure", "b"});
  CHECK(world.machine.done());
  CHECK(world.machine.status() == status::completed);
}

TEST_CASE("on_failure of a step that follows another one begins once") {
  auto source = fan_step("a", 3);
  source.foreach->max_failures = 3;
  auto follower = following("b", "a");
  follower.on_failure = scope_of({task_step("on_failure")});
  flow_world world{scope_of({source, follower}), failing({"a.0", "a.1", "a.2"})};
  world.run();
  CHECK(world.begun == names{"a.0", "a.1", "a.2", "b.on_failure"});
  CHECK(world.machine.status() == status::completed);
}

TEST_CASE("elements of a step that never had any cannot be followed") {
  auto follower = following("b", "a");
  follower.after.push_back({"a", spec::after_on::always});
  SECTION("it was skipped") {
    auto source = fan_step("a", 3);
    source.when = "false";
    flow_world world{scope_of({source, follower})};
    world.run();
    CHECK(world.begun.empty());
    CHECK(world.ends["b"] == status::skipped);
    CHECK(world.machine.done());
  }
  SECTION("its list could not be made") {
    auto source = fan_step("a", 3);
    source.foreach->items = spec::each_of_expression{"1 + 1"};
    flow_world world{scope_of({source, follower})};
    world.run();
    CHECK(world.begun.empty());
    CHECK(world.ends["b"] == status::failed_upstream);
    CHECK(world.machine.status() == status::failed);
  }
  SECTION("its list could not be made, and on_failure made that good") {
    auto source = fan_step("a", 3);
    source.foreach->items = spec::each_of_expression{"1 + 1"};
    source.on_failure = scope_of({task_step("on_failure")});
    follower.after.clear();
    flow_world world{scope_of({source, follower})};
    world.run();
    CHECK(world.begun == names{"a.on_failure"});
    CHECK(world.ends["b"] == status::failed_upstream);
    CHECK(world.machine.done());
  }
}

TEST_CASE("a round in which everything is skipped ends the loop as skipped") {
  auto inner = task_step("x");
  inner.when = "false";
  spec::scope body;
  body.steps = {inner};
  auto loop = workflow_step("loop", body);
  loop.repeat.emplace();
  loop.repeat->max = 3;
  flow_world world{scope_of({loop, task_step("other")})};
  world.run();
  CHECK(world.begun == names{"other"});
  CHECK(world.machine.status() == status::completed);
}

TEST_CASE("a cancel ends a foreach of a hundred thousand, and what follows it, at once") {
  auto fan = fan_step("a", 100'000);
  fan.foreach->max_parallel = 2;
  flow_world world{scope_of({fan, following("b", "a"), following("c", "b"), task_step("d", {"c"})})};
  SECTION("by the user") {
    world.run_some(10, 50, 0);
    world.machine.cancel("enough");
    // Elements that never began are counts.
    CHECK(world.machine.take_notes().size() <= 10);
    world.run(50);
    CHECK(world.machine.done());
    CHECK(world.machine.status() == status::failed_canceled);
  }
  SECTION("by a failure") {
    fan.foreach->fail_fast = true;
    flow_world failing_world{scope_of({fan, following("b", "a"), following("c", "b"), task_step("d", {"c"})}),
                             failing({"a.7"})};
    failing_world.run(50);
    CHECK(failing_world.machine.done());
    CHECK(failing_world.machine.status() == status::failed);
    CHECK(failing_world.reasons.size() <= 10);
  }
}

TEST_CASE("a gang that could not be begun is recorded as it would be run, and has that row when it is run once more") {
  spec::step group;
  group.name = "g";
  spec::group members;
  members.name = "g";
  for (const auto* name : {"x", "y"})
    members.tasks.push_back(std::get<spec::group>(task_step(name).body).tasks.front());
  group.body = members;
  group.when = "results.a.n > 1";
  group.needs = {"a"};
  auto each = fan_step("e", 2);
  each.when = "results.a.n > item";
  each.needs = {"a"};
  const auto definition = scope_of({task_step("a"), group, each});
  flow::machine machine{definition};
  const auto first = machine.next();
  REQUIRE(first);
  machine.finished(first->id, {status::completed, {text_of("{}")}});
  CHECK_FALSE(machine.next());
  std::map<std::string, names> noted;
  for (const auto& x : machine.take_notes()) {
    CHECK(x.status == status::failed);
    CHECK(x.members != nullptr);
    noted[x.name] = x.tasks;
  }
  CHECK(noted == std::map<std::string, names>{{"g", {"x", "y"}}, {"e.0-group", {"e.0"}}, {"e.1-group", {"e.1"}}});

  flow::machine again{definition};
  again.recall({{"a-group", {group_index{0}, status::completed, {text_of("{\"n\":5}")}, false}},
                {"g", {group_index{1}, status::waiting, {}, false}},
                {"e.0-group", {group_index{2}, status::waiting, {}, false}}});
  std::map<std::string, std::optional<group_index>> begun;
  while (const auto next = again.next())
    begun[next->name] = next->index;
  CHECK(begun["g"] == group_index{1});
  CHECK(begun["e.0-group"] == group_index{2});
  CHECK(begun["e.1-group"] == std::nullopt);
}
