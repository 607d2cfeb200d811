#include "actors/agents/fleet.hpp"

#include "actors/errors.hpp"
#include "actors/protocol/type_ids.hpp"
#include "executors/null/null_driver.hpp"
#include "executors/remote/attempt_text.hpp"
#include "support/catch.hpp"
#include "support/stepped_config.hpp"

#include <caf/all.hpp>

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace muster;
using namespace muster::agent;
using namespace std::chrono_literals;
using change = fleet_change::kind;

namespace {

/// An agent that does as it is told, and says nothing by itself.
agent_link::behavior_type quiet(agent_link::pointer) {
  return {
      [](command_atom, const commands&) {},
      [](ack_atom, std::uint64_t, std::uint64_t) {},
      [](alive_atom, std::uint64_t) {},
  };
}

/// A FLEET in virtual time, without a network.
class fleet_alone {
public:
  explicit fleet_alone(fleet_setup setup)
      : system_(config_), scheduler_(dynamic_cast<caf::scheduler::test_coordinator&>(system_.scheduler())) {
    scheduler_.clock().current_time += 1h;
    setup.pool = "pool";
    setup.head = "head";
    setup.is_over = [](attempt_id) { return false; };
    setup.on_change = [this](const fleet_change& x) { said_[x.node].push_back(x.what); };
    fleet_ = system_.spawn(fleet, std::move(setup));
    scheduler_.run();
  }
  ~fleet_alone() {
    for (const auto& x : agents_)
      caf::anon_send_exit(x, caf::exit_reason::kill);
    caf::anon_send_exit(fleet_, caf::exit_reason::kill);
    scheduler_.run();
    scheduler_.trigger_timeouts();
    scheduler_.run();
  }
  fleet_alone(const fleet_alone&) = delete;
  fleet_alone& operator=(const fleet_alone&) = delete;

  /// An agent joins, and holds nothing. The number of its session, or why it may not.
  result<std::uint64_t> try_join(const std::string& node, std::uint64_t incarnation) {
    agents_.push_back(system_.spawn(quiet));
    hello who;
    who.node = node;
    who.memory = "memory of " + node;
    who.incarnation = incarnation;
    who.offered = remote::encode(*make_null_driver()->probe());
    who.address = "10.0.0.7";
    caf::scoped_actor self{system_};
    auto asked =
        self->request(caf::actor_cast<gate_actor>(fleet_), caf::infinite, hello_atom::value, who, agents_.back());
    scheduler_.run();
    std::optional<result<std::uint64_t>> out;
    asked.receive(
        [&](const welcome& x, const fleet_link& door) {
          out.emplace(x.session);
          doors_[node] = door;
          reports nothing;
          nothing.session = x.session;
          nothing.number = 1;
          nothing.kind = reports_kind::held_last;
          caf::anon_send(door, report_atom::value, nothing);
        },
        [&](const caf::error& why) { out.emplace(from_caf(why)); });
    scheduler_.run();
    return *out;
  }
  std::uint64_t join(const std::string& node) {
    const auto session = try_join(node, 1);
    REQUIRE(session);
    return *session;
  }
  /// Its pool is to be removed.
  result<void> close() {
    caf::scoped_actor self{system_};
    auto asked = self->request(fleet_, caf::infinite, close_atom::value);
    scheduler_.run();
    result<void> out;
    asked.receive([](const service_answer&) {}, [&](const caf::error& why) { out = from_caf(why); });
    return out;
  }
  /// And is not.
  void open() {
    caf::anon_send(fleet_, open_atom::value);
    scheduler_.run();
  }
  /// The agent that has come last is gone, and its connection with it.
  void end_newest() {
    caf::anon_send_exit(agents_.back(), caf::exit_reason::kill);
    scheduler_.run();
  }
  /// The agent of that session says that it is there.
  void hear(const std::string& node, std::uint64_t session) {
    caf::anon_send(doors_.at(node), alive_atom::value, session);
    scheduler_.run();
  }
  /// Time passes, in which the FLEET comes to do nothing; then it hears that the agent is there, and only then does
  /// what was due.
  void hold_up_and_hear(std::chrono::milliseconds x, const std::string& node, std::uint64_t session) {
    scheduler_.clock().current_time += x;
    hear(node, session);
    hold_up(0ms);
  }
  /// Time passes, in which the FLEET comes to do nothing; then it does.
  void hold_up(std::chrono::milliseconds x) {
    scheduler_.advance_time(x);
    scheduler_.run();
  }
  /// Time passes as it should.
  void pass(std::chrono::milliseconds x) {
    constexpr auto step = 100ms;
    for (; x > 0ms; x -= step)
      hold_up(std::min<std::chrono::milliseconds>(x, step));
  }
  /// What was said of it last.
  [[nodiscard]] change last(const std::string& node) const { return said_.at(node).back(); }
  /// All that was said of it.
  [[nodiscard]] const std::vector<change>& said(const std::string& node) const { return said_.at(node); }

private:
  test::stepped_config config_;
  caf::actor_system system_;
  caf::scheduler::test_coordinator& scheduler_;
  fleet_actor fleet_;
  std::vector<agent_link> agents_;
  std::map<std::string, fleet_link> doors_;
  std::map<std::string, std::vector<change>> said_;
};

fleet_setup impatient() {
  fleet_setup x;
  x.silence_limit = 2s;
  x.lost_after = 6s;
  x.held_up_after = 2s;
  return x;
}

} // namespace

TEST_CASE("a node that says nothing is away, and then lost") {
  fleet_alone f{impatient()};
  f.join("n1");
  REQUIRE(f.last("n1") == change::ready);
  f.pass(1'900ms);
  CHECK(f.last("n1") == change::ready);
  f.pass(700ms);
  CHECK(f.last("n1") == change::away);
  f.pass(4s);
  CHECK(f.last("n1") == change::lost);
}

TEST_CASE("a head that was itself held up takes no node for away or lost") {
  fleet_alone f{impatient()};
  f.join("n1");
  f.hold_up(10s);
  CHECK(f.last("n1") == change::ready);
  f.pass(1'000ms);
  CHECK(f.last("n1") == change::ready);
  f.pass(1'600ms); // From then on it counts.
  CHECK(f.last("n1") == change::away);
  f.hold_up(10s);
  CHECK(f.last("n1") == change::away);
  f.join("n1");
  CHECK(f.last("n1") == change::ready);
}

TEST_CASE("a head that was hardly held up goes by what it heard") {
  fleet_alone f{impatient()};
  f.join("n1");
  f.hold_up(2'400ms); // It should have looked after half a second.
  CHECK(f.last("n1") == change::away);
}

TEST_CASE("a node whose message is handled before the head sees that it was held up is not forgiven that time twice") {
  fleet_alone f{impatient()};
  const auto session = f.join("n1");
  f.hold_up_and_hear(1h, "n1", session);
  CHECK(f.last("n1") == change::ready);
  f.pass(1'900ms);
  CHECK(f.last("n1") == change::ready);
  f.pass(700ms);
  CHECK(f.last("n1") == change::away);
}

TEST_CASE("each session has a number that was drawn for it alone") {
  std::vector<std::uint64_t> drawn;
  auto setup = impatient();
  setup.draw_session = [&, draw = setup.draw_session] { return drawn.emplace_back(draw()); };
  fleet_alone f{std::move(setup)};
  std::vector<std::uint64_t> sessions;
  for (int i = 0; i < 50; ++i)
    sessions.push_back(f.join("n" + std::to_string(i % 10))); // Each joins again some times.
  CHECK(sessions == drawn);
  std::sort(drawn.begin(), drawn.end());
  CHECK(std::adjacent_find(drawn.begin(), drawn.end()) == drawn.end());
  const auto above = [](std::uint64_t x) { return x >> 32U != 0; };
  CHECK(std::any_of(drawn.begin(), drawn.end(), above)); // Not of 32 bits.
}

TEST_CASE("two agents with copies of one directory do not take the node from each other") {
  fleet_alone f{impatient()};
  const auto one = f.join("n1");
  for (int i = 0; i < 20; ++i) {
    f.pass(1s);
    f.hear("n1", one);
    const auto two = f.try_join("n1", 2);
    REQUIRE_FALSE(two);
    CHECK(two.failure().code == ec::conflict);
    CHECK_THAT(two.failure().message,
               ContainsSubstring("another agent speaks for node n1, whose address is 10.0.0.7") &&
                   ContainsSubstring("nothing was heard of it for 2 s"));
  }
  CHECK(f.said("n1") == std::vector<change>{change::ready});
  f.pass(2'600ms); // The first is heard of no more: the second is who was started in its place.
  REQUIRE(f.last("n1") == change::away);
  REQUIRE(f.try_join("n1", 2));
  CHECK(f.last("n1") == change::ready);
  CHECK_FALSE(f.try_join("n1", 1)); // It is the newcomer then.
  CHECK(f.said("n1") == std::vector<change>{change::ready, change::away, change::ready});
}

TEST_CASE("an agent that was started again joins as soon as the former connection has ended") {
  fleet_alone f{impatient()};
  f.join("n1");
  f.end_newest();
  CHECK(f.last("n1") == change::away);
  REQUIRE(f.try_join("n1", 2));
  CHECK(f.last("n1") == change::ready);
}

TEST_CASE("an agent whose connection was lost without its head knowing joins again at once") {
  fleet_alone f{impatient()};
  const auto before = f.join("n1");
  const auto after = f.join("n1");
  CHECK(before != after);
  CHECK(f.said("n1") == std::vector<change>{change::ready, change::away, change::ready});
}

TEST_CASE("a fleet without a node lets nobody in while its pool is being removed") {
  fleet_alone f{impatient()};
  REQUIRE(f.close());
  const auto refused = f.try_join("n1", 1);
  REQUIRE_FALSE(refused);
  CHECK(refused.failure().code == ec::unavailable); // It may be back.
  CHECK(refused.failure().message == "pool pool is just being removed");
  f.open(); // It stays.
  f.join("n1");
  const auto kept = f.close();
  REQUIRE_FALSE(kept);
  CHECK(kept.failure().code == ec::conflict);
  CHECK(kept.failure().message ==
        "pool pool has nodes, such as n1: end their agents, and remove them (muster node rm)");
  CHECK(f.last("n1") == change::ready);
}
