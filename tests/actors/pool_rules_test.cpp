#include "pool_alone.hpp"

#include "support/catch.hpp"

// A POOL whose rules change while it works.

using namespace muster;
using namespace muster::test;
using namespace std::chrono_literals;

namespace {

pool_config with(config::pool_policy policy) {
  pool_config x;
  x.policy = std::make_shared<config::pool_policy>(std::move(policy));
  return x;
}

pool_alone::request gpus(std::int64_t each, const std::string& user, gang_priority priority = gang_priority::normal) {
  pool_alone::request x;
  x.each.gpu = each;
  x.user = user;
  x.priority = priority;
  return x;
}

pool_alone::request of_platform(const std::string& name) {
  pool_alone::request x;
  x.each.platform = name;
  return x;
}

config::quota_settings quota(const std::string& name, std::int64_t guarantee, std::int64_t maximum,
                             std::vector<std::string> users = {}) {
  config::quota_settings x;
  x.name = name;
  x.guarantee = guarantee;
  x.maximum = maximum;
  x.users = std::move(users);
  return x;
}

config::pool_policy with_quotas(std::vector<config::quota_settings> all) {
  config::pool_policy x;
  x.quotas = std::move(all);
  return x;
}

pool_node labeled(const std::string& name, std::map<std::string, std::string> labels) {
  auto x = pool_alone::make_node(name, 4);
  x.labels = std::move(labels);
  return x;
}

} // namespace

TEST_CASE("maintenance that begins lets what runs go on, places nothing more, and ends") {
  pool_alone f;
  f.join(pool_alone::make_node("a", 1));
  const auto [first, runs] = f.ask({});
  const auto [second, waits] = f.ask({});
  REQUIRE(runs->lease);
  REQUIRE_FALSE(waits->lease);
  config::pool_policy policy;
  policy.maintenance = "new switches";
  f.rule(policy);
  const auto [third, new_one] = f.ask({});
  CHECK_THAT(new_one->delayed, ContainsSubstring("new switches"));
  CHECK_FALSE(f.why(first));
  for (const auto key : {second, third}) {
    const auto why = f.why(key);
    REQUIRE(why);
    CHECK(why->cause == "maintenance");
    CHECK_THAT(why->text, ContainsSubstring("new switches"));
  }
  f.release(first);
  CHECK_FALSE(waits->lease);
  CHECK(f.view().maintenance == "new switches");
  f.rule({});
  CHECK(waits->lease);
  CHECK_FALSE(new_one->lease);
  CHECK(f.why(third)->cause == "resources");
  f.release(second);
  CHECK(new_one->lease);
}

TEST_CASE("nobody is asked to make way while nothing is placed") {
  pool_alone f;
  f.join(pool_alone::make_node("a", 8, 1));
  const auto [first, low] = f.ask(gpus(1, "ann", gang_priority::low));
  const auto [second, high] = f.ask(gpus(1, "bob", gang_priority::high));
  config::pool_policy policy;
  policy.maintenance = "new switches";
  f.rule(policy);
  f.advance(1s);
  CHECK(low->asked_to_leave.empty());
  f.rule({});
  f.advance(1s);
  CHECK_FALSE(low->asked_to_leave.empty());
}

TEST_CASE("a larger quota gives places at once, and a smaller one takes none back") {
  pool_alone f{with(with_quotas({quota("all", 2, 2)}))};
  f.join(pool_alone::make_node("a", 8, 8));
  const auto [first, one] = f.ask(gpus(2, "ann"));
  const auto [second, two] = f.ask(gpus(2, "bob"));
  REQUIRE(f.why(second));
  CHECK(f.why(second)->cause == "quota");
  f.rule(with_quotas({quota("all", 4, 4)}));
  CHECK(two->lease);
  f.rule(with_quotas({quota("all", 3, 3)}));
  CHECK(one->asked_to_leave.empty());
  CHECK(two->asked_to_leave.empty());
  const auto [third, three] = f.ask(gpus(1, "ann"));
  CHECK_FALSE(three->lease);
  f.release(first);
  CHECK(three->lease);
  CHECK(f.check(gpus(4, "ann")).size() == 1);
}

TEST_CASE("a group goes to the quota that takes it now, and one that none takes or is too small is refused") {
  pool_alone f{with(with_quotas({quota("all", 1, 1)}))};
  f.join(pool_alone::make_node("a", 8, 8));
  const auto [first, holds] = f.ask(gpus(1, "dan"));
  const auto [second, anns] = f.ask(gpus(1, "ann"));
  const auto [third, bobs] = f.ask(gpus(1, "bob"));
  const auto [fourth, cids] = f.ask(gpus(1, "cid"));
  f.rule(with_quotas({quota("x", 1, 1, {"ann"}), quota("y", 0, 4, {"bob"})}));
  CHECK_FALSE(anns->lease); // What nobody takes counts with the first.
  CHECK_FALSE(anns->refused);
  REQUIRE(bobs->refused);
  CHECK(bobs->refused->code == ec::never_fits);
  CHECK_THAT(bobs->refused->message, ContainsSubstring("the policy of pool local has changed") &&
                                         ContainsSubstring("only LOW priority may use more"));
  REQUIRE(cids->refused);
  CHECK_THAT(cids->refused->message, ContainsSubstring("no quota of pool local takes workflows of user cid"));
  CHECK(f.view().waiting_gangs == 1);
  f.release(first);
  CHECK(anns->lease);
  CHECK(f.check(gpus(1, "cid")).size() == 1);
}

TEST_CASE("a platform's nodes are others from then on") {
  config::pool_policy policy;
  policy.platforms["dgx"].labels = {{"gpu", "h100"}};
  pool_alone f{with(policy)};
  f.join(labeled("a", {{"gpu", "h100"}}));
  f.join(labeled("b", {{"gpu", "h200"}}));
  auto large = of_platform("dgx");
  large.each.cpu = 4;
  const auto [first, one] = f.ask(large);
  const auto [second, two] = f.ask(large);
  CHECK(one->nodes() == std::vector<std::string>{"a"});
  CHECK_FALSE(two->lease);
  policy.platforms["dgx"].labels = {{"gpu", "h200"}};
  f.rule(policy);
  CHECK(one->asked_to_leave.empty());
  CHECK(two->nodes() == std::vector<std::string>{"b"});
  const auto [third, three] = f.ask(large);
  policy.platforms["dgx"].labels = {{"gpu", "b300"}};
  f.rule(policy);
  REQUIRE(three->refused);
  CHECK(three->refused->code == ec::never_fits);
  f.release(first);
  f.release(second);
  CHECK(f.view().free.cpu == 8);
}

TEST_CASE("in a pool that agents join a group is put off whose platform has no node now, and waits for one") {
  config::pool_policy policy;
  policy.platforms["dgx"].labels = {{"gpu", "h100"}};
  auto config = with(policy);
  config.may_grow = true;
  pool_alone f{std::move(config)};
  f.join(labeled("a", {{"gpu", "h100"}}));
  auto large = of_platform("dgx");
  large.each.cpu = 4;
  const auto [first, one] = f.ask(large);
  const auto [second, two] = f.ask(large);
  policy.platforms["dgx"].labels = {{"gpu", "h200"}};
  f.rule(policy);
  REQUIRE(two->refused);
  CHECK(two->refused->code == ec::unavailable);
  const auto again = f.ask(second, large);
  CHECK(f.why(second)->cause == "more_nodes");
  policy.platforms["dgx"].labels = {{"gpu", "h100"}};
  f.rule(policy);
  CHECK(f.why(second)->cause == "resources");
  f.release(first);
  CHECK(again->lease);
}

TEST_CASE("weights of users decide who is next from then on") {
  pool_alone f;
  f.join(pool_alone::make_node("a", 8, 8));
  const auto [first, one] = f.ask(gpus(4, "ann"));
  const auto [second, two] = f.ask(gpus(2, "bob"));
  const auto [third, three] = f.ask(gpus(2, "bob"));
  const auto [fourth, bobs] = f.ask(gpus(3, "bob"));
  const auto [fifth, anns] = f.ask(gpus(2, "ann"));
  config::pool_policy policy;
  policy.user_weights = {{"ann", 4}};
  f.rule(policy);
  f.release(second);
  CHECK(anns->lease);
  CHECK_FALSE(bobs->lease);
}

TEST_CASE("who is to make way has as long as the grace is now") {
  pool_alone f;
  f.join(pool_alone::make_node("a", 8, 1));
  f.join(pool_alone::make_node("b", 8, 1));
  const auto [first, low] = f.ask(gpus(1, "ann", gang_priority::low));
  const auto [second, other] = f.ask(gpus(1, "ann"));
  f.rule({}, 5s);
  const auto [third, high] = f.ask(gpus(1, "bob", gang_priority::high));
  f.advance(100ms);
  CHECK_FALSE(low->asked_to_leave.empty());
  CHECK(f.why(third)->cause == "preemption");
  f.advance(6s);
  CHECK(f.why(third)->cause != "preemption");
}

TEST_CASE("members that hold places are counted by other rules, and what they hold is given back whole") {
  config::pool_policy policy;
  policy.topology = {{"rack", "rack"}};
  pool_alone f{with(policy)};
  for (const auto* name : {"a", "b"})
    f.join(labeled(name, {{"rack", name}}));
  pool_alone::request pair;
  pair.members = 2;
  pair.each.cpu = 2;
  pair.each.topologies = {{"rack", "default", true}};
  const auto [first, one] = f.ask(pair);
  const auto [second, two] = f.ask(pair);
  const auto [third, three] = f.ask(pair);
  REQUIRE(two->lease);
  f.rule({}); // No keys: the pool is one domain.
  policy.topology = {{"row", "row"}};
  f.rule(policy);
  REQUIRE(three->refused);
  CHECK_THAT(three->refused->message, ContainsSubstring("the pool has no topology key 'rack'"));
  CHECK(f.view().free.cpu == 0);
  f.release(first);
  f.release(second);
  CHECK(f.view().free.cpu == 8);
  CHECK(f.view().placed_gangs == 0);
}
