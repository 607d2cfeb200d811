#include "actor_fixture.hpp"

#include "support/catch.hpp"

#include <algorithm>

using namespace muster;
using namespace muster::test;
using namespace std::chrono_literals;

namespace {

const workflow_terms low{gang_priority::low, "ann"};
const workflow_terms normal{gang_priority::normal, "bob"};
const workflow_terms high{gang_priority::high, "bob"};

pool_alone::request ask_for(std::uint32_t members, std::int64_t gpus, const workflow_terms& on) {
  pool_alone::request x;
  x.members = members;
  x.each.gpu = gpus;
  x.priority = on.priority;
  x.user = on.user;
  return x;
}

/// A workflow of one gang whose first attempts run until they are stopped.
spec::workflow gang_of_two(actor_fixture& f) {
  f.behaviour = [](const std::string&, std::uint32_t attempt) {
    script x;
    if (attempt == 0)
      x.runs_for = -1ms;
    return x;
  };
  auto w = make_workflow({});
  w.groups.push_back(make_group("gang", {make_task("a"), make_task("b")}));
  return w;
}

} // namespace

TEST_CASE("a gang of LOW priority makes way as a whole, and finishes later") {
  actor_fixture f;
  f.offered.total.cpu = 2;
  f.terms = low;
  f.begin(gang_of_two(f));
  f.settle();
  REQUIRE(f.task_status("b") == status::running);
  const auto rival = f.compete(normal);
  CHECK_FALSE(rival->lease);
  f.advance(100ms);
  CHECK(f.position("stop a 0") != -1);
  CHECK(f.position("stop b 0") != -1);
  CHECK(rival->lease);
  CHECK(f.task_status("a") == status::scheduling);
  CHECK(f.ended() == status::unspecified);
  const auto preempted = std::find_if(f.events().begin(), f.events().end(),
                                      [](const event& x) { return x.status == status::rescheduled; });
  REQUIRE(preempted != f.events().end());
  CHECK(preempted->exit_code == preempted_code);
  CHECK(preempted->text == "Preempted: a group of higher priority needs its places");
  f.stop_competing();
  REQUIRE(f.run_until_finished());
  CHECK(f.ended() == status::completed);
  CHECK(f.position("start a 1") != -1);
}

TEST_CASE("who ends before it has a place again is not recorded at the one that it had") {
  actor_fixture f;
  f.offered.total.cpu = 2;
  f.terms = low;
  f.begin(gang_of_two(f));
  f.settle();
  const auto rival = f.compete(normal);
  f.advance(100ms);
  REQUIRE(rival->lease);
  REQUIRE(f.task_status("a") == status::scheduling);
  f.cancel(true);
  REQUIRE(f.run_until_finished());
  std::size_t ends = 0;
  for (const auto& x : f.events()) {
    if (x.type != event_type::task_status || !is_group_finished(x.status))
      continue;
    CHECK(x.attempt == (x.status == status::rescheduled ? 0U : 1U));
    CHECK(x.node == (x.status == status::rescheduled ? "local" : ""));
    CHECK(x.gpus.empty());
    ++ends;
  }
  CHECK(ends >= 2);
}

TEST_CASE("an exit action may end what was preempted") {
  actor_fixture f;
  f.offered.total.cpu = 1;
  f.terms = low;
  f.behaviour = [](const std::string&, std::uint32_t) { return script{ec::none, ec::none, false, 0, -1ms}; };
  auto t = make_task("a");
  t.exit_actions.push_back({spec::exit_action::fail, {{preempted_code, preempted_code}}, "3006"});
  f.begin(make_workflow({t}));
  f.settle();
  const auto rival = f.compete(high);
  f.advance(100ms);
  CHECK(rival->lease);
  CHECK(f.ended() == status::failed);
  CHECK_THAT(f.task_text("a"), ContainsSubstring("Preempted"));
}

TEST_CASE("nobody of NORMAL priority makes way") {
  actor_fixture f;
  f.offered.total.cpu = 2;
  f.terms = normal;
  f.begin(gang_of_two(f));
  f.settle();
  const auto rival = f.compete(high);
  for (int i = 0; i < 10; ++i)
    f.advance(100ms);
  CHECK(f.position("stop a 0") == -1);
  CHECK_FALSE(rival->lease);
  f.cancel(true); // Else they would run for ever.
  REQUIRE(f.run_until_finished());
}

TEST_CASE("who makes way goes behind those who waited") {
  pool_alone f;
  f.join(pool_alone::make_node("a", 8, 2));
  const auto [first, victim] = f.ask(ask_for(2, 1, low));
  const auto [second, waiting] = f.ask(ask_for(2, 1, low));
  const auto [third, winner] = f.ask(ask_for(1, 1, normal));
  f.advance(std::chrono::milliseconds{100});
  CHECK_FALSE(victim->asked_to_leave.empty());
  CHECK_FALSE(winner->lease); // Not before the other has gone.
  const auto why = f.why(third);
  REQUIRE(why);
  CHECK(why->cause == "preemption");
  REQUIRE(why->holders.size() == 1);
  CHECK(why->holders[0].workflow.value == first);
  f.release(first);
  CHECK(winner->lease);
  const auto [fourth, again] = f.ask(ask_for(2, 1, low)); // As the victim's group does.
  f.release(third);
  CHECK(waiting->lease);
  CHECK_FALSE(again->lease);
}

TEST_CASE("who waits for others to make way is held up by none that do not go") {
  pool_config config;
  config.leave_within = std::chrono::seconds{40};
  pool_alone f{config};
  f.join(pool_alone::make_node("a", 8, 2));
  f.join(pool_alone::make_node("b", 8, 2));
  const auto [first, stuck] = f.ask(ask_for(2, 1, low));
  f.advance(std::chrono::seconds{1});
  const auto [second, willing] = f.ask(ask_for(2, 1, low));
  REQUIRE(stuck->nodes() == std::vector<std::string>{"a", "a"});

  SECTION("nor on a node that cannot be reached") {
    f.set("b", node_condition::suspect);
    const auto [third, winner] = f.ask(ask_for(2, 1, normal));
    f.advance(std::chrono::milliseconds{100});
    CHECK(willing->asked_to_leave.empty()); // Though it is the youngest.
    CHECK_FALSE(stuck->asked_to_leave.empty());
    f.release(first);
    CHECK(winner->lease);
  }
  SECTION("for longer than it may take") {
    const auto [third, winner] = f.ask(ask_for(2, 1, normal));
    f.advance(std::chrono::milliseconds{100});
    REQUIRE_FALSE(willing->asked_to_leave.empty());
    CHECK(stuck->asked_to_leave.empty());
    f.advance(std::chrono::seconds{39});
    CHECK(stuck->asked_to_leave.empty());
    f.advance(std::chrono::seconds{2});
    f.advance(std::chrono::milliseconds{100});
    CHECK_FALSE(stuck->asked_to_leave.empty());
    f.release(first);
    CHECK(winner->lease);
  }
}

TEST_CASE("nobody makes way for one that would not fit even then") {
  pool_alone f;
  f.join(pool_alone::make_node("a", 8, 2));
  f.join(pool_alone::make_node("b", 8, 2));
  const auto [first, kept] = f.ask(ask_for(2, 1, normal)); // One of the two nodes is theirs.
  const auto [second, low_one] = f.ask(ask_for(2, 1, low));
  REQUIRE(low_one->lease);
  const auto [third, too_large] = f.ask(ask_for(3, 1, high));
  for (int i = 0; i < 10; ++i)
    f.advance(std::chrono::milliseconds{100});
  CHECK(low_one->asked_to_leave.empty());
  CHECK_FALSE(too_large->lease);
}

TEST_CASE("nothing is sent to a node that is not the head's before it is durable where") {
  actor_fixture f;
  f.address = "10.0.0.1";
  f.begin(make_workflow({make_task("a")}));
  REQUIRE(f.run_until_finished());
  CHECK(f.ended() == status::completed);
  const auto call = f.position("prepare a 0");
  REQUIRE(call != -1);
  const auto facts = f.facts_at_calls()[static_cast<std::size_t>(call)];
  const auto placed = std::find_if(f.events().begin(), f.events().end(),
                                   [](const event& x) { return x.status == status::initializing; });
  REQUIRE(placed != f.events().end());
  CHECK(placed->node == "local");
  CHECK(placed->address == "10.0.0.1");
  CHECK(static_cast<std::size_t>(placed - f.events().begin()) < facts);
}
