#include "pool_alone.hpp"
#include "support/catch.hpp"

#include <memory>
#include <string>
#include <tuple>
#include <vector>

// Whoever could not be prepared on a node takes others first, and that node again after a while.

using namespace muster;
using namespace muster::test;
using namespace std::chrono_literals;

namespace {

pool_alone::request of_cpus(std::int64_t cpus, std::uint32_t members = 1) {
  pool_alone::request x;
  x.members = members;
  x.each.cpu = cpus;
  return x;
}

/// The same by one that could not be prepared on these nodes.
pool_alone::request but_not_on(pool_alone::request x, std::vector<std::string> nodes) {
  x.avoid = std::move(nodes);
  x.avoid_for = 60s;
  return x;
}

using names = std::vector<std::string>;

/// Two nodes that are full, of which one gang that waits for a whole one avoids `a`.
struct full_nodes {
  full_nodes() {
    pool.join(pool_alone::make_node("a", 4));
    pool.join(pool_alone::make_node("b", 4));
    on_b = ask(but_not_on(of_cpus(4), {"a"}), "b");
    on_a = ask(of_cpus(4), "a");
    std::tie(workflow, told) = pool.ask(but_not_on(of_cpus(4), {"a"}));
    REQUIRE_FALSE(told->lease);
  }

  /// The workflow that is placed there.
  std::int64_t ask(const pool_alone::request& what, const std::string& node) {
    const auto [number, answer] = pool.ask(what);
    REQUIRE(answer->nodes() == names{node});
    return number;
  }

  pool_alone pool;
  std::int64_t on_a = 0;
  std::int64_t on_b = 0;
  std::int64_t workflow = 0;
  std::shared_ptr<pool_alone::group_double> told;
};

} // namespace

TEST_CASE("a gang that could not be prepared on a node gets places on others") {
  pool_alone pool;
  pool.join(pool_alone::make_node("a", 4));
  pool.join(pool_alone::make_node("b", 8));
  CHECK(pool.ask(of_cpus(2, 2)).second->nodes() == names{"a", "a"});
  pool.release(100);
  CHECK(pool.ask(but_not_on(of_cpus(2, 2), {"a"})).second->nodes() == names{"b", "b"});
}

TEST_CASE("a gang takes a node where it could not be prepared when it would fit no others") {
  pool_alone pool;
  pool.join(pool_alone::make_node("a", 4));
  pool.join(pool_alone::make_node("b", 2));
  CHECK(pool.ask(but_not_on(of_cpus(4), {"a"})).second->nodes() == names{"a"});
  CHECK(pool.ask(but_not_on(of_cpus(1), {"a", "b"})).second->nodes() == names{"b"});
}

TEST_CASE("a gang waits for others than the node where it could not be prepared, and for any after a while") {
  pool_alone pool;
  pool.join(pool_alone::make_node("a", 4));
  pool.join(pool_alone::make_node("b", 4));
  const auto holder = pool.ask(but_not_on(of_cpus(4), {"a"}));
  REQUIRE(holder.second->nodes() == names{"b"});

  const auto [workflow, told] = pool.ask(but_not_on(of_cpus(2), {"a"}));
  CHECK_FALSE(told->lease);
  const auto why = "waiting for 2 CPUs: 0 of 4 free on node b; for now not on node a, where it could not be prepared";
  CHECK(told->delayed == why);
  REQUIRE(pool.why(workflow));
  CHECK(pool.why(workflow)->text.find("; for now not on node a, where it could not be prepared") != std::string::npos);

  SECTION("others are free first") {
    pool.advance(59s);
    CHECK_FALSE(told->lease);
    pool.release(holder.first);
    CHECK(told->nodes() == names{"b"});
    pool.advance(10s); // Who has places keeps them.
    CHECK(told->nodes() == names{"b"});
    CHECK_FALSE(told->refused);
  }
  SECTION("others are busy for long") {
    pool.advance(60s);
    CHECK(told->nodes() == names{"a"});
  }
  SECTION("the policy changes meanwhile") {
    pool.rule({});
    CHECK_FALSE(told->lease);
    pool.advance(60s);
    CHECK(told->nodes() == names{"a"});
  }
  SECTION("it is gone before") {
    pool.release(workflow);
    pool.advance(60s);
    CHECK_FALSE(told->lease);
    CHECK(pool.ask(of_cpus(4)).second->nodes() == names{"a"});
  }
}

TEST_CASE("whoever avoids a node for no more keeps its turn") {
  full_nodes x;
  x.pool.advance(30s);
  const auto second = x.pool.ask(of_cpus(4)).second;
  x.pool.advance(30s);
  x.pool.release(x.on_a);
  CHECK(x.told->nodes() == names{"a"});
  CHECK_FALSE(second->lease);
  x.pool.release(x.on_b);
  CHECK(second->nodes() == names{"b"});
}

TEST_CASE("a gang avoids a node no more when it would fit no others") {
  pool_alone pool;
  pool.join(pool_alone::make_node("a", 4));
  pool.join(pool_alone::make_node("b", 4));
  REQUIRE(pool.ask(but_not_on(of_cpus(4), {"a"})).second->nodes() == names{"b"});
  const auto told = pool.ask(but_not_on(of_cpus(4), {"a"})).second;
  REQUIRE_FALSE(told->lease);
  SECTION("the other is cordoned") {
    pool.set("b", node_condition::cordoned);
    CHECK(told->nodes() == names{"a"});
  }
  SECTION("the other is lost") {
    pool.set("b", node_condition::suspect); // It may well be back.
    CHECK_FALSE(told->lease);
    pool.set("b", node_condition::lost);
    CHECK(told->nodes() == names{"a"});
  }
}

TEST_CASE("nobody is placed under maintenance because the time for which it avoids a node is over") {
  pool_alone pool;
  pool.join(pool_alone::make_node("a", 4));
  pool.join(pool_alone::make_node("b", 4));
  REQUIRE(pool.ask(but_not_on(of_cpus(4), {"a"})).second->nodes() == names{"b"});
  const auto told = pool.ask(but_not_on(of_cpus(2), {"a"})).second;
  SECTION("maintenance") {
    config::pool_policy closed;
    closed.maintenance = "new disks";
    pool.rule(closed);
    pool.advance(60s);
    CHECK_FALSE(told->lease);
    pool.rule({});
  }
  SECTION("a pause") {
    pool.pause("the disk is full");
    pool.advance(60s);
    CHECK_FALSE(told->lease);
    pool.go_on();
  }
  CHECK(told->nodes() == names{"a"});
}

TEST_CASE("what was held on a node that is back is booked before anybody who avoids no more gets it") {
  full_nodes x;
  auto held = of_cpus(4);
  held.held = {{"c", x.pool.executor(), "", {}, {}}};
  const auto was_there = x.pool.ask(held);
  REQUIRE_FALSE(was_there.second->lease);
  x.pool.advance(59500ms);
  x.pool.join(pool_alone::make_node("c", 4));
  CHECK(was_there.second->nodes() == names{"c"});
  CHECK_FALSE(x.told->lease);
  x.pool.release(was_there.first);
  CHECK(x.told->nodes() == names{"c"});
}

TEST_CASE("what is said of avoided nodes ends with the avoiding") {
  full_nodes x;
  x.pool.advance(60s);
  CHECK_FALSE(x.told->lease);
  CHECK(x.told->delayed.find("for now") == std::string::npos);
  CHECK(x.pool.why(x.workflow)->text.find("for now") == std::string::npos);
  x.pool.release(x.on_a);
  CHECK(x.told->nodes() == names{"a"});
}
