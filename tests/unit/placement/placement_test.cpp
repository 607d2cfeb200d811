#include "support/catch.hpp"

#include "muster/placement/placement.hpp"

#include <string>
#include <variant>
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

std::string reason(const gang& who, const std::vector<node_state>& nodes) {
  const auto r = place(who, nodes);
  REQUIRE(std::holds_alternative<no_place>(r));
  return std::get<no_place>(r).reason;
}

assignment places(const gang& who, const std::vector<node_state>& nodes) {
  const auto r = place(who, nodes);
  REQUIRE(std::holds_alternative<assignment>(r));
  return std::get<assignment>(r);
}

} // namespace

TEST_CASE("a gang gets a place for every member, or the reason why not") {
  std::vector<node_state> nodes{node("local", 4, {0, 1})};
  const gang three{ask(3, 1)};
  const auto where = places(three, nodes);
  CHECK(where[0].gpus == std::vector<std::uint32_t>{0});
  take(three, where, nodes);
  CHECK(reason({ask(2)}, nodes) == "waiting for 2 CPUs: 1 of 4 free on node local");
  CHECK(reason({ask(1), ask(1)}, nodes) == "waiting for 2 CPUs: 1 of 4 free on node local, for 2 tasks together");
  CHECK(reason({ask(1, 2, 100 * gib)}, nodes) ==
        "waiting for 2 GPUs: 1 of 2 free; 100 GiB of memory: 63 GiB of 64 GiB free on node local");
  CHECK(places({ask(1, 1)}, nodes)[0].gpus == std::vector<std::uint32_t>{1});
  give_back(three, where, nodes);
  CHECK(nodes[0].free.cpu == 4);
  CHECK(nodes[0].free_gpus == std::vector<std::uint32_t>{0, 1});
}

TEST_CASE("what can never fit says so") {
  const std::vector<node_state> nodes{node("local", 4)};
  CHECK(never_fits({ask(8)}, nodes) == "needs 8 CPUs: node local has 4");
  CHECK(never_fits({ask(3), ask(3)}, nodes) == "needs 6 CPUs: node local has 4, for 2 tasks together");
  CHECK_FALSE(never_fits({ask(2), ask(2)}, nodes));
  CHECK_THAT(*never_fits({ask(0)}, nodes), ContainsSubstring("must be above 0"));
  CHECK_THAT(*never_fits({ask(-1)}, nodes), ContainsSubstring("must be above 0"));
  const auto most = std::numeric_limits<std::int64_t>::max();
  CHECK(never_fits({ask(most), ask(most)}, nodes));
  CHECK(never_fits({ask(1)}, {}) == "there is no node");
}

TEST_CASE("big members choose first, each the node it fills best") {
  const std::vector<node_state> nodes{node("a", 8), node("b", 4)};
  const auto where = places({ask(2), ask(8), ask(2)}, nodes);
  CHECK(where[1].node == 0);
  CHECK(where[0].node == 1);
  CHECK(where[2].node == 1);
}

TEST_CASE("platform and excluded nodes bind") {
  std::vector<node_state> nodes{node("a", 4), node("b", 4)};
  nodes[0].platform = "x86";
  nodes[1].platform = "arm";
  auto x = ask(1);
  x.platform = "arm";
  CHECK(places({x}, nodes)[0].node == 1);
  x.nodes_excluded = {"b"};
  CHECK(never_fits({x}, nodes) == "nodesExcluded leaves no node");
  x.platform = "riscv";
  CHECK(never_fits({x}, nodes) == "no node is of platform riscv");
  nodes[0].platform.clear();
  CHECK(places({x}, nodes)[0].node == 0);
}

TEST_CASE("oversubscription multiplies CPUs, memory and storage, not GPUs") {
  const auto n = make_node("local", {2, gib, gib}, {3, 1, 3}, 2.5);
  CHECK(n.total.cpu == 5);
  CHECK(n.total.memory == 5 * gib / 2);
  CHECK(n.gpus == std::vector<std::uint32_t>{1, 3});
}
