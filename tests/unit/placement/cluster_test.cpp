#include "support/catch.hpp"

#include "muster/placement/cluster.hpp"

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

using namespace muster;

namespace {

constexpr std::int64_t gib = std::int64_t{1} << 30U;

resource_request ask(std::int64_t cpu, std::int64_t gpu = 0, std::int64_t memory = gib) {
  resource_request x;
  x.cpu = cpu;
  x.gpu = gpu;
  x.memory = memory;
  return x;
}

node_state node(std::string name, std::int64_t cpu, std::vector<std::uint32_t> gpus = {}) {
  return make_node(std::move(name), {cpu, 64 * gib, 100 * gib}, std::move(gpus));
}

cluster cluster_of(std::vector<node_state> nodes, std::vector<topology_key> keys = {}) {
  cluster c{std::move(keys)};
  for (auto& n : nodes)
    c.join(std::move(n));
  return c;
}

std::string reason(const gang& who, cluster& nodes) {
  auto x = nodes.prepare(who);
  return text_of(nodes.why_not(x).value());
}

std::optional<std::string> never(const gang& who, cluster&& nodes) {
  auto x = nodes.prepare(who);
  return nodes.never_fits(x);
}

assignment places(const gang& who, cluster& nodes, placement_strategy strategy = placement_strategy::pack) {
  auto x = nodes.prepare(who, strategy);
  const auto found = nodes.place(x);
  REQUIRE(found);
  return *found;
}

/// The nodes of the members.
std::vector<std::uint32_t> nodes_of(const assignment& where) {
  std::vector<std::uint32_t> numbers;
  for (const auto& x : where)
    numbers.push_back(x.node);
  return numbers;
}

using numbers = std::vector<std::uint32_t>;

const numbers eight{0, 1, 2, 3, 4, 5, 6, 7};

} // namespace

TEST_CASE("a gang gets a place for every member, or the reason why not") {
  auto nodes = cluster_of({node("local", 4, {0, 1})});
  const gang three{ask(3, 1)};
  const auto where = places(three, nodes);
  CHECK(where[0].gpus == numbers{0});
  CHECK(reason({ask(2)}, nodes) == "waiting for 2 CPUs: 1 of 4 free on node local");
  CHECK(reason({ask(1), ask(1)}, nodes) == "waiting for 2 CPUs: 1 of 4 free on node local, for 2 tasks together");
  CHECK(reason({ask(1, 2, 100 * gib)}, nodes) ==
        "waiting for 2 GPUs: 1 of 2 free; 100 GiB of memory: 63 GiB of 64 GiB free on node local");
  const gang one{ask(1, 1)};
  const auto second = places(one, nodes);
  CHECK(second[0].gpus == numbers{1});
  nodes.give_back(one, second);
  nodes.give_back(three, where);
  CHECK(nodes.nodes()[0].free.cpu == 4);
  CHECK(nodes.nodes()[0].free_gpus == numbers{0, 1});
}

TEST_CASE("what can never fit says so") {
  const auto local = [] { return cluster_of({node("local", 4)}); };
  CHECK(never({ask(8)}, local()) == "needs 8 CPUs: node local has 4");
  CHECK(never({ask(3), ask(3)}, local()) == "needs 6 CPUs: node local has 4, for 2 tasks together");
  CHECK_FALSE(never({ask(2), ask(2)}, local()));
  CHECK_THAT(*never({ask(0)}, local()), ContainsSubstring("must be above 0"));
  CHECK_THAT(*never({ask(-1)}, local()), ContainsSubstring("must be above 0"));
  const auto most = std::numeric_limits<std::int64_t>::max();
  CHECK(never({ask(most), ask(most)}, local()));
  CHECK(never({ask(1)}, cluster_of({})) == "there is no node");
}

TEST_CASE("big members choose first, each the node it fills best") {
  auto nodes = cluster_of({node("a", 8), node("b", 4)});
  CHECK(nodes_of(places({ask(2), ask(8), ask(2)}, nodes)) == numbers{1, 0, 1});
}

TEST_CASE("a gang of which only some ever have a place is told of a node that is too small for the next") {
  CHECK(never(gang(2, ask(8)), cluster_of({node("a", 8), node("b", 4)})) ==
        "needs 8 CPUs: node b has 4, after 1 of 2 tasks have a place");
  CHECK(never(gang(3, ask(8)), cluster_of({node("a", 8), node("b", 8)})) ==
        "needs nodes with more room for each task, after 2 of 3 tasks have a place");
}

TEST_CASE("a gang is packed on as few nodes as possible") {
  auto nodes = cluster_of({node("a", 64, eight), node("b", 64, eight), node("c", 64, eight)});
  SECTION("a node is filled before another is broken") {
    CHECK(nodes_of(places(gang(3, ask(1, 1)), nodes)) == numbers{0, 0, 0});
    CHECK(nodes_of(places({ask(1, 1)}, nodes)) == numbers{0});
    CHECK(nodes_of(places(gang(8, ask(1, 1)), nodes)) == numbers(8, 1));
    CHECK(nodes_of(places({ask(1, 4)}, nodes)) == numbers{0});
  }
  SECTION("what exceeds one node takes whole nodes first") {
    CHECK(nodes_of(places(gang(2, ask(1, 2)), nodes)) == numbers{0, 0});
    auto where = nodes_of(places(gang(10, ask(1, 1)), nodes));
    CHECK(std::count(where.begin(), where.end(), 1U) == 8);
    CHECK(std::count(where.begin(), where.end(), 0U) == 2);
  }
  SECTION("tasks without GPUs leave nodes with GPUs alone") {
    nodes.join(node("plain", 64));
    CHECK(nodes_of(places(gang(2, ask(1)), nodes)) == numbers{3, 3});
  }
}

TEST_CASE("a gang is spread when it says so") {
  auto nodes = cluster_of({node("a", 8), node("b", 8), node("c", 4)});
  CHECK(nodes_of(places(gang(4, ask(1)), nodes, placement_strategy::spread)) == numbers{0, 1, 2, 0});
  CHECK(nodes_of(places(gang(2, ask(4)), nodes, placement_strategy::spread)) == numbers{1, 0});
}

TEST_CASE("a gang has all its members on a node that is isolated, or none there") {
  const auto isolated = [](std::string name, std::int64_t cpu) {
    auto x = node(std::move(name), cpu);
    x.isolated = true;
    return x;
  };
  SECTION("where there are no others") {
    auto nodes = cluster_of({isolated("a", 2), isolated("b", 4)});
    CHECK(nodes_of(places(gang(3, ask(1)), nodes)) == numbers{1, 1, 1});
    CHECK(reason(gang(3, ask(1)), nodes) == "waiting for 3 CPUs: 2 of 2 free on node a, for 3 tasks together; 2 of 2 "
                                            "nodes can share no group with others: tasks there are not reached from "
                                            "elsewhere");
    CHECK_THAT(*never(gang(5, ask(1)), cluster_of({isolated("a", 2), isolated("b", 4)})),
               ContainsSubstring("needs 5 CPUs: node a has 2, for 5 tasks together; 2 of 2 nodes can share"));
    CHECK(nodes_of(places({ask(2)}, nodes)) == numbers{0}); // A task alone is reached by nobody anyway.
  }
  SECTION("if there is a network for so many") {
    auto small = isolated("a", 4);
    small.largest_gang = 3;
    auto nodes = cluster_of({small, isolated("b", 8)});
    CHECK(nodes_of(places(gang(3, ask(1)), nodes, placement_strategy::spread)) == numbers{0, 0, 0});
    CHECK(nodes_of(places(gang(4, ask(1)), nodes)) == numbers{1, 1, 1, 1});
    CHECK_THAT(reason(gang(5, ask(1)), nodes),
               ContainsSubstring("waiting for 5 CPUs: 4 of 8 free on node b, for 5 tasks together") &&
                   ContainsSubstring(", and the networks of 1 are too small for it"));
    CHECK(*never(gang(4, ask(1)), cluster_of({small})) ==
          "no node has a network for 4 tasks: a larger range can be configured there");
    auto large = isolated("b", 8);
    large.condition = node_condition::cordoned; // It has one.
    auto with_cordoned = cluster_of({small, large});
    CHECK_THAT(reason(gang(4, ask(1)), with_cordoned),
               ContainsSubstring("cordoned") && !ContainsSubstring("network for"));
  }
  SECTION("also those of the group that ask for no place any more count for its network") {
    auto small = isolated("a", 4);
    small.largest_gang = 3;
    auto nodes = cluster_of({small, isolated("b", 8)});
    for (const std::uint32_t members : {2, 1}) {
      auto rest = nodes.prepare(gang(members, ask(1)), placement_strategy::pack, 5);
      const auto where = nodes.place(rest);
      REQUIRE(where);
      CHECK(nodes_of(*where) == numbers(members, 1));
    }
  }
  SECTION("which a task alone does not need") {
    auto none = isolated("a", 4);
    none.largest_gang = 0;
    auto nodes = cluster_of({none});
    CHECK(nodes_of(places({ask(1)}, nodes)) == numbers{0});
  }
  SECTION("beside others, which share it among them") {
    auto nodes = cluster_of({isolated("a", 3), node("b", 2), node("c", 2)});
    CHECK(nodes_of(places(gang(4, ask(1)), nodes)) == numbers{1, 1, 2, 2});
    CHECK_THAT(reason(gang(4, ask(1)), nodes),
               ContainsSubstring("after 0 of 4 tasks have a place; 1 of 3 nodes can share no group"));
    CHECK(nodes_of(places(gang(3, ask(1)), nodes)) == numbers{0, 0, 0});
  }
  SECTION("whatever else is asked of it") {
    auto rack = isolated("a", 8);
    rack.labels = {{"rack", "r1"}};
    auto nodes = cluster_of({rack, node("b", 2), node("c", 2)}, {{"rack", "rack"}});
    CHECK(nodes_of(places(gang(3, ask(1)), nodes, placement_strategy::spread)) == numbers{1, 2, 1});
    auto labelled = ask(2);
    labelled.labels = {{"rack", "r1"}};
    CHECK(nodes_of(places({ask(1), labelled}, nodes)) == numbers{0, 0}); // Not one here and the other elsewhere.
    auto near = ask(1);
    near.topologies.push_back({});
    near.topologies.back().key = "rack";
    CHECK(nodes_of(places({near, near, ask(1)}, nodes)) == numbers{0, 0, 0});
  }
  SECTION("until it is isolated no more") {
    auto nodes = cluster_of({isolated("a", 2), isolated("b", 2)});
    auto x = nodes.prepare(gang(4, ask(1)));
    CHECK_FALSE(nodes.place(x));
    nodes.join(node("a", 2));
    nodes.join(node("b", 2));
    CHECK(nodes.place(x));
  }
}

TEST_CASE("GPUs that are neighbours go together") {
  auto x = node("a", 64, eight);
  x.gpu_links = {{0, 2, 4, 6}, {1, 3, 5, 7}};
  auto nodes = cluster_of({x});
  CHECK(places({ask(1, 2)}, nodes)[0].gpus == numbers{0, 2});
  CHECK(places({ask(1, 2)}, nodes)[0].gpus == numbers{4, 6});
  const auto first = places({ask(1, 1)}, nodes);
  CHECK(first[0].gpus == numbers{1});
  const auto rest = places(gang(3, ask(1, 1)), nodes);
  CHECK(rest[0].gpus == numbers{3});
  nodes.give_back(gang(3, ask(1, 1)), rest);
  nodes.give_back({ask(1, 1)}, first);
  CHECK(places(gang(2, ask(1, 2)), nodes)[1].gpus == numbers{5, 7});
}

TEST_CASE("platform, labels and excluded nodes bind") {
  std::vector<node_state> two{node("a", 4), node("b", 4)};
  two[0].platform = "x86";
  two[1].platform = "arm";
  two[1].labels = {{"disk", "fast"}};
  auto x = ask(1);
  x.platform = "arm";
  auto nodes = cluster_of(two);
  CHECK(places({x}, nodes)[0].node == 1);
  x.nodes_excluded = {"b"};
  CHECK(never({x}, cluster_of(two)) == "nodesExcluded leaves no node");
  x.platform = "riscv";
  CHECK(never({x}, cluster_of(two)) == "no node is of platform riscv");
  two[0].platform.clear();
  nodes = cluster_of(two);
  CHECK(places({x}, nodes)[0].node == 0);
  x.platform_must_be_said = true;
  CHECK(never({x}, cluster_of(two)) == "no node says that it is of platform riscv, which has permissions of its own");
  x.platform = "arm";
  x.nodes_excluded.clear();
  CHECK(places({x}, nodes)[0].node == 1);
  auto fast = ask(1);
  fast.labels = {{"disk", "fast"}};
  CHECK(places({fast}, nodes)[0].node == 1);
  fast.labels["disk"] = "slow";
  CHECK(never({fast}, cluster_of(two)) == "no node carries the labels that it asks for: disk=slow");
}

TEST_CASE("nodes join, leave, take nothing and change while gangs hold places") {
  auto nodes = cluster_of({node("a", 4, {0, 1})});
  const gang one{ask(1, 1)};
  const auto first = places(one, nodes);
  nodes.set_condition(0, node_condition::cordoned);
  CHECK(reason(one, nodes) == "waiting for a node that takes new tasks: 1 cordoned");
  CHECK(nodes.join(node("b", 4, {0})) == 1);
  auto second = places(one, nodes);
  CHECK(second[0].node == 1);
  // It is there again, with one GPU less, and that one is held.
  CHECK(nodes.join(node("a", 3, {1, 2})) == 0);
  CHECK(nodes.nodes()[0].free.cpu == 2);
  CHECK(nodes.nodes()[0].free_gpus == numbers{1, 2});
  nodes.give_back(one, first);
  CHECK(nodes.nodes()[0].free_gpus == numbers{1, 2});
  CHECK(nodes.nodes()[0].free.cpu == 3);
  nodes.give_back(one, second);
  nodes.set_condition(1, node_condition::gone);
  nodes.forget(1);
  CHECK_FALSE(nodes.find("b"));
  CHECK(nodes.join(node("c", 4)) == 1);
}

TEST_CASE("a GPU that two gangs were booked on is free when both have gone") {
  auto nodes = cluster_of({node("a", 8, {0, 1})});
  const gang one{ask(1, 1)};
  nodes.take(one, {{0, {0}}});
  nodes.take(one, {{0, {0}}});
  nodes.give_back(one, {{0, {0}}});
  CHECK(nodes.nodes()[0].free_gpus == numbers{1});
  nodes.give_back(one, {{0, {0}}});
  CHECK(nodes.nodes()[0].free_gpus == numbers{0, 1});
  CHECK(places(gang(2, ask(1, 1)), nodes).size() == 2);
}

TEST_CASE("oversubscription multiplies CPUs, memory and storage, not GPUs") {
  const auto n = make_node("local", {2, gib, gib}, {3, 1, 3}, 2.5);
  CHECK(n.total.cpu == 5);
  CHECK(n.total.memory == 5 * gib / 2);
  CHECK(n.gpus == std::vector<std::uint32_t>{1, 3});
}
