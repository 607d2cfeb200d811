#include "pool_alone.hpp"

#include "support/catch.hpp"

#include <algorithm>

using namespace muster;
using namespace muster::test;

namespace {

pool_config with(config::pool_policy policy) {
  pool_config x;
  x.policy = std::make_shared<config::pool_policy>(std::move(policy));
  return x;
}

pool_alone::request gpus(std::uint32_t members, std::int64_t each, const std::string& user,
                         gang_priority priority = gang_priority::normal) {
  pool_alone::request x;
  x.members = members;
  x.each.gpu = each;
  x.user = user;
  x.priority = priority;
  return x;
}

config::quota_settings quota(const std::string& name, std::int64_t guarantee, std::int64_t maximum) {
  config::quota_settings x;
  x.name = name;
  x.guarantee = guarantee;
  x.maximum = maximum;
  return x;
}

} // namespace

TEST_CASE("a workflow stays within the quota that takes it") {
  config::pool_policy policy;
  policy.quotas = {quota("vision", 2, 4), quota("batch", 0, 1)};
  policy.quotas[0].users = {"ann"};
  policy.quotas[1].labels = {{"kind", "batch"}};
  pool_alone f{with(policy)};
  f.join(pool_alone::make_node("a", 64, 8));
  CHECK(f.check(gpus(3, 1, "ann")).size() == 1);
  CHECK(f.check(gpus(3, 1, "ann", gang_priority::low)).empty());
  const auto refused = f.check(gpus(1, 1, "cid"));
  REQUIRE(refused.size() == 1);
  CHECK_THAT(refused[0], ContainsSubstring("no quota of pool local takes workflows of user cid"));
  const auto [first, one] = f.ask(gpus(2, 1, "ann"));
  CHECK(one->lease);
  const auto [second, two] = f.ask(gpus(1, 1, "ann"));
  CHECK_FALSE(two->lease);
  const auto why = f.why(second);
  REQUIRE(why);
  CHECK(why->cause == "quota");
  CHECK(why->placement->subject == "vision");
  auto labeled = gpus(1, 1, "cid", gang_priority::low);
  labeled.labels = {{"kind", "batch"}};
  const auto [third, three] = f.ask(labeled);
  CHECK(three->lease);
}

TEST_CASE("who is of higher priority goes first, and then the user with the smaller share") {
  pool_alone f;
  f.join(pool_alone::make_node("a", 64, 1));
  const auto [first, held] = f.ask(gpus(1, 1, "ann"));
  const auto [second, low] = f.ask(gpus(1, 1, "ann", gang_priority::low));
  const auto [third, normal] = f.ask(gpus(1, 1, "bob"));
  const auto [fourth, high] = f.ask(gpus(1, 1, "bob", gang_priority::high));
  f.release(first);
  CHECK(high->lease);
  f.release(fourth);
  CHECK(normal->lease);
  CHECK_FALSE(low->lease);
}

TEST_CASE("what was waited with an earlier head counts, also of who is kept for more nodes") {
  config::pool_policy policy;
  policy.age_step = std::chrono::hours{1};
  auto config = with(policy);
  config.may_grow = true;
  pool_alone f{config};
  f.join(pool_alone::make_node("a", 64, 1));
  const auto [first, held] = f.ask(gpus(1, 1, "ann"));
  const auto [second, normal] = f.ask(gpus(1, 1, "ann"));
  auto old = gpus(1, 1, "ann", gang_priority::low);
  old.waited = std::chrono::hours{2};
  const auto [third, low] = f.ask(old);
  CHECK(f.why(third)->placement->position == 1);
  const auto [fourth, large] = f.ask(gpus(1, 4, "ann", gang_priority::high));
  auto larger = gpus(1, 4, "ann", gang_priority::low);
  larger.waited = std::chrono::hours{4};
  const auto [fifth, aged] = f.ask(larger);
  CHECK(f.why(fifth)->cause == "more_nodes");
  f.join(pool_alone::make_node("b", 64, 4));
  f.release(first);
  f.release(second);
  f.release(third);
  CHECK(aged->lease);
  CHECK_FALSE(large->lease);
}

TEST_CASE("members are spread where the pool says so") {
  config::pool_policy policy;
  policy.strategy = placement_strategy::spread;
  pool_alone f{with(policy)};
  f.join(pool_alone::make_node("a", 8));
  f.join(pool_alone::make_node("b", 8));
  const auto [key, gang] = f.ask({2, {}});
  auto nodes = gang->nodes();
  std::sort(nodes.begin(), nodes.end());
  CHECK(nodes == std::vector<std::string>{"a", "b"});
}

TEST_CASE("a platform is that of nodes with its labels, or of those that say so") {
  config::pool_policy policy;
  policy.platforms["dgx"].labels = {{"gpu", "h100"}};
  policy.platforms["arm"] = {};
  pool_alone f{with(policy)};
  auto labeled = pool_alone::make_node("a", 8);
  labeled.platform = "x86"; // One that says nothing takes tasks for any.
  labeled.labels = {{"gpu", "h100"}};
  f.join(std::move(labeled));
  auto named = pool_alone::make_node("b", 8);
  named.platform = "arm";
  f.join(std::move(named));
  pool_alone::request x;
  x.each.platform = "dgx";
  CHECK(f.ask(x).second->nodes() == std::vector<std::string>{"a"});
  x.each.platform = "arm";
  CHECK(f.ask(x).second->nodes() == std::vector<std::string>{"b"});
  x.each.platform = "none";
  CHECK(f.check(x).size() == 1);
}

TEST_CASE("members that belong in one domain are placed there") {
  config::pool_policy policy;
  policy.topology = {{"rack", "rack"}};
  pool_alone f{with(policy)};
  for (const auto* name : {"a", "b", "c", "d"}) {
    auto node = pool_alone::make_node(name, 2);
    node.labels = {{"rack", name < std::string{"c"} ? "one" : "two"}};
    f.join(std::move(node));
  }
  pool_alone::request single;
  single.each.cpu = 2;
  const auto [key, first] = f.ask(single);
  pool_alone::request x;
  x.members = 4;
  x.each.topologies = {{"rack", "default", true}};
  const auto [next, gang] = f.ask(x);
  REQUIRE(gang->lease);
  const bool first_rack = first->nodes()[0] < std::string{"c"};
  for (const auto& node : gang->nodes())
    CHECK((node < std::string{"c"}) != first_rack);
}

TEST_CASE("a pool under maintenance places nothing and says why, and what runs is booked") {
  config::pool_policy policy;
  policy.maintenance = "new switches";
  pool_alone f{with(policy)};
  f.join(pool_alone::make_node("a", 8));
  const auto [key, waiting] = f.ask({});
  CHECK_FALSE(waiting->lease);
  CHECK_THAT(waiting->delayed, ContainsSubstring("new switches"));
  const auto why = f.why(key);
  REQUIRE(why);
  CHECK(why->cause == "maintenance");
  CHECK(f.view().maintenance == "new switches");
  pool_alone::request held;
  held.held = {{"a", f.executor(), "10.0.0.1", {}}};
  CHECK(f.ask(held).second->lease);
}

TEST_CASE("why a group waits names what is short, where, and who has it") {
  pool_alone f;
  f.join(pool_alone::make_node("a", 4, 2));
  const auto [first, holder] = f.ask(gpus(1, 2, "ann"));
  const auto [second, waiting] = f.ask(gpus(1, 1, "bob"));
  const auto [third, behind] = f.ask(gpus(1, 2, "bob"));
  CHECK_FALSE(f.why(first));
  const auto why = f.why(second);
  REQUIRE(why);
  CHECK(why->cause == "resources");
  CHECK(why->text == *std::make_optional(text_of(*why->placement)));
  REQUIRE(why->placement->lacks.size() == 1);
  CHECK(why->placement->lacks[0].what == resource_kind::gpu);
  CHECK(why->placement->lacks[0].wanted == 1);
  CHECK(why->placement->lacks[0].free == 0);
  CHECK(why->placement->lacks[0].total == 2);
  CHECK(why->placement->node == "a");
  CHECK(why->placement->position == 1);
  CHECK(why->placement->waiting == 2);
  REQUIRE(why->holders.size() == 1);
  CHECK(why->holders[0].workflow.value == first);
  CHECK(f.why(third)->placement->position == 2);
  f.set("a", node_condition::suspect, "it is silent");
  CHECK(f.why(second)->cause == "nodes");
  CHECK_THAT(f.why(second)->text, ContainsSubstring("cannot be reached"));
  pool_alone none;
  const auto [lonely, told] = none.ask({});
  CHECK(none.why(lonely)->cause == "unavailable");
}
