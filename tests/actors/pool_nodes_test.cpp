#include "pool_alone.hpp"

#include "actors/driver_labels.hpp"
#include "support/catch.hpp"

#include <set>

using namespace muster;
using namespace muster::test;

namespace {

spec::resource with_gpus(std::int64_t n) {
  spec::resource x;
  x.gpu = n;
  return x;
}

spec::resource with_cpus(std::int64_t n) {
  spec::resource x;
  x.cpu = n;
  return x;
}

pool_config may_grow() {
  pool_config x;
  x.may_grow = true;
  return x;
}

/// As of an agent with a Docker daemon, and without an address.
pool_node with_networks(const std::string& name, std::int64_t cpus, const char* range = "10.213.0.0/16") {
  auto x = pool_alone::make_node(name, cpus);
  x.address.clear();
  x.offered.addresses = address_space{*parse_ipv4_block(range), {}};
  return x;
}

/// As of an agent that runs processes, and containers beside them.
pool_node with_both(const std::string& name, std::int64_t cpus, std::int64_t gpus = 0) {
  auto x = pool_alone::make_node(name, cpus, gpus);
  x.offered.driver = "process";
  capabilities containers;
  containers.driver = "docker";
  containers.addresses = address_space{*parse_ipv4_block("10.213.0.0/16"), {}};
  x.offered.besides = {containers};
  add_driver_labels(x.offered, x.labels);
  return x;
}

spec::resource run_by(const std::string& driver, std::int64_t gpus = 0) {
  spec::resource x;
  x.driver = driver;
  x.gpu = gpus;
  return x;
}

placed_member at(const pool_alone& f, const std::string& node, std::vector<std::uint32_t> gpus,
                 const std::string& address) {
  return {node, f.executor(), address, std::move(gpus)};
}

} // namespace

TEST_CASE("a gang is placed across nodes, and its members have the addresses of theirs") {
  pool_alone f;
  f.join(pool_alone::make_node("a", 4, 2));
  f.join(pool_alone::make_node("b", 4, 2));
  const auto [key, gang] = f.ask({4, with_gpus(1)});
  const auto places = gang->places();
  CHECK(std::multiset<std::string>(places.begin(), places.end()) ==
        std::multiset<std::string>{"a/10.0.0.1/0", "a/10.0.0.1/1", "b/10.0.0.2/0", "b/10.0.0.2/1"});
  CHECK(gang->lease->record_first);

  const auto [next, waiting] = f.ask({1, with_gpus(1)});
  CHECK_FALSE(waiting->lease);
  CHECK_THAT(waiting->delayed, ContainsSubstring("1 GPU"));
  f.release(key);
  CHECK(waiting->lease);
}

TEST_CASE("members on a node without an address get loopback addresses of their own") {
  pool_alone f;
  auto here = pool_alone::make_node("a", 4);
  here.address.clear();
  here.is_local = true;
  f.join(std::move(here));
  const auto [key, gang] = f.ask({3, {}});
  std::set<std::string> addresses;
  REQUIRE(gang->lease);
  CHECK_FALSE(gang->lease->record_first);
  for (const auto& x : gang->lease->places) {
    CHECK(x.address.substr(0, 4) == "127.");
    addresses.insert(x.address);
  }
  CHECK(addresses.size() == 3);
}

TEST_CASE("a gang is whole on a node that makes networks and has no address, in a network there") {
  pool_alone f{may_grow()};
  f.join(with_networks("a", 2));
  f.join(with_networks("b", 4));
  CHECK(f.view().nodes[0].address.empty());
  const auto [key, gang] = f.ask({3, {}});
  REQUIRE(gang->lease);
  CHECK(gang->nodes() == std::vector<std::string>{"b", "b", "b"});
  const auto first = gang->lease->places[0].address;
  for (const auto& x : gang->lease->places)
    CHECK(block_of(*parse_ipv4(x.address), 3) == block_of(*parse_ipv4(first), 3));
  CHECK(parse_ipv4_block("10.213.0.0/16")->contains(*parse_ipv4(first)));

  const auto [next, waiting] = f.ask({3, {}}); // Three CPUs are free, on two nodes.
  CHECK_FALSE(waiting->lease);
  CHECK_THAT(waiting->delayed, ContainsSubstring("can share no group with others"));
  const auto [large, never] = f.ask({5, {}});
  CHECK_THAT(never->delayed,
             ContainsSubstring("would fit only with more nodes") && ContainsSubstring("for 5 tasks together"));
  f.release(key);
  REQUIRE(waiting->lease);
  f.release(next);

  // As soon as it is said where tasks there are reached, it shares gangs.
  for (const auto* name : {"a", "b"}) {
    auto x = with_networks(name, 4);
    x.address = std::string{"10.0.0."} + name;
    f.join(std::move(x));
  }
  REQUIRE(never->lease);
  for (const auto& x : never->lease->places)
    CHECK(x.address == "10.0.0." + x.node);
}

TEST_CASE("each node has networks of its own") {
  pool_alone f;
  // Three blocks for gangs.
  f.join(with_networks("a", 100, "192.168.7.0/26"));
  f.join(with_networks("b", 100, "192.168.7.0/26"));
  auto on_b = with_cpus(1);
  on_b.nodes_excluded = {"a"};
  auto on_a = with_cpus(1);
  on_a.nodes_excluded = {"b"};
  std::vector<std::int64_t> keys;
  for (int i = 0; i < 3; ++i) {
    const auto [key, gang] = f.ask({2, on_a});
    REQUIRE(gang->lease);
    keys.push_back(key);
  }
  const auto [key, waiting] = f.ask({2, on_a});
  CHECK_FALSE(waiting->lease);
  CHECK(waiting->delayed == "waiting for a network: all of 192.168.7.0/26 is in use by 3 groups of node a");
  CHECK(f.why(key)->cause == "network");
  CHECK(f.view().waiting_gangs == 1);
  CHECK(f.ask({2, on_b}).second->lease);
  f.release(keys[1]);
  CHECK(waiting->lease);
  CHECK(f.view().waiting_gangs == 0);

  const auto [alone, single] = f.ask({1, on_a});
  REQUIRE(single->lease);
  CHECK(
      shared_block({*parse_ipv4_block("192.168.7.0/26"), {}})->contains(*parse_ipv4(single->lease->places[0].address)));
}

TEST_CASE("who is alone on a node that makes networks needs no address where that says so") {
  pool_alone f;
  auto x = with_networks("a", 4);
  x.address = "10.0.0.1";
  x.offered.alone_without_address = true;
  f.join(std::move(x));
  const auto [key, single] = f.ask({1, {}});
  REQUIRE(single->lease);
  CHECK(single->lease->places[0].address.empty());
}

TEST_CASE("a gang is in a network where it is whole, and at the addresses of its nodes where it is not") {
  pool_alone f;
  auto a = with_networks("a", 4);
  a.address = "10.0.0.1";
  f.join(std::move(a));
  f.join(pool_alone::make_node("b", 2)); // Its executor makes none.
  const auto [whole, small] = f.ask({4, {}});
  REQUIRE(small->lease);
  CHECK(small->lease->places[0].address.substr(0, 7) == "10.213.");
  f.release(whole);
  const auto [over, large] = f.ask({6, {}});
  REQUIRE(large->lease);
  const auto all = large->places();
  CHECK(std::set<std::string>(all.begin(), all.end()) == std::set<std::string>{"a/10.0.0.1/", "b/10.0.0.2/"});
}

TEST_CASE("a gang that no network of its node has room for is at the node's address, or refused") {
  pool_alone f;
  auto a = with_networks("a", 100, "192.168.7.0/26");
  f.join(a);
  f.join(pool_alone::make_node("b", 1));
  const auto [key, refused] = f.ask({40, {}});
  REQUIRE(refused->refused);
  CHECK(refused->refused->code == ec::never_fits);
  CHECK_THAT(refused->refused->message, ContainsSubstring("the networks of 1 are too small for it"));
  CHECK(f.view().nodes[0].free.cpu == 100);
  a.address = "10.0.0.1";
  f.join(a);
  const auto [again, gang] = f.ask({40, {}});
  REQUIRE(gang->lease);
  CHECK(gang->lease->places[39].address == "10.0.0.1");
}

TEST_CASE("a gang has places where a network has room for it") {
  pool_alone f;
  f.join(with_networks("a", 50, "192.168.7.0/26")); // It is left with less.
  f.join(with_networks("b", 100));
  const auto [key, gang] = f.ask({40, {}});
  REQUIRE(gang->lease);
  CHECK(gang->lease->places[0].node == "b");
  f.release(key);
  auto small = with_networks("b", 100, "192.168.8.0/26");
  f.join(small);
  const auto [again, refused] = f.ask({40, {}});
  REQUIRE(refused->refused);
  CHECK(refused->refused->message == "no node has a network for 40 tasks: a larger range can be configured there");
  CHECK_FALSE(f.check({40, {}}).empty());
  CHECK(f.ask({10, {}}).second->lease);
}

TEST_CASE("who waits for a network asks anew when its node cannot make it any more") {
  pool_alone f{may_grow()};
  f.join(with_networks("a", 100, "192.168.7.0/25")); // Room for one network of that size.
  const auto [key, first] = f.ask({40, {}});
  REQUIRE(first->lease);
  const auto [next, waiting] = f.ask({40, {}});
  CHECK(f.why(next)->cause == "network");
  const auto [last, behind] = f.ask({40, {}});
  CHECK_FALSE(behind->lease);
  f.join(with_networks("a", 100, "192.168.7.0/26"));
  REQUIRE(waiting->refused);
  CHECK(waiting->refused->code == ec::unavailable); // Its group asks again.
  CHECK(behind->refused);                           // As does one that waited for room.
  CHECK(f.view().nodes[0].free.cpu == 60);
  const auto again = f.ask(next, {40, {}});
  CHECK_THAT(again->delayed, ContainsSubstring("no node has a network for 40 tasks"));
  CHECK(f.why(next)->cause == "more_nodes");
  CHECK(f.ask({2, {}}).second->lease);
  f.join(with_networks("b", 100));
  CHECK(again->lease);
}

TEST_CASE("after a restart members have the addresses that they had, in networks and at nodes") {
  pool_alone f;
  auto a = with_networks("a", 100, "192.168.7.0/26");
  a.address = "10.0.0.1";
  f.join(a);
  // What is left of a gang over several nodes: one runs, another was never placed.
  const auto rest = f.ask(900, {2, {}, {at(f, "a", {}, "10.0.0.1"), at(f, "a", {}, "")}});
  REQUIRE(rest->lease);
  CHECK(rest->places() == std::vector<std::string>{"a/10.0.0.1/", "a/10.0.0.1/"});
  const auto whole = f.ask(901, {2, {}, {at(f, "a", {}, "192.168.7.34"), at(f, "a", {}, "")}});
  REQUIRE(whole->lease);
  CHECK(whole->places() == std::vector<std::string>{"a/192.168.7.34/", "a/192.168.7.35/"});
  // The agent is back, and sees more of what others have: what is held is not given to others.
  a.offered.addresses->taken = {*parse_ipv4_block("192.168.7.48/28")};
  f.join(a);
  const auto [key, only] = f.ask({2, {}});
  REQUIRE(only->lease);
  CHECK(only->lease->places[0].address == "192.168.7.18");
  CHECK_FALSE(f.ask({2, {}}).second->lease);
  f.release(901);
  const auto [next, freed] = f.ask({2, {}});
  CHECK_FALSE(freed->lease); // The one before it has that.
  f.release(key);
  CHECK(freed->lease);
}

TEST_CASE("a gang keeps off nodes that it excludes") {
  pool_alone f;
  f.join(pool_alone::make_node("a", 4));
  f.join(pool_alone::make_node("b", 4));
  f.join(pool_alone::make_node("c", 4));
  auto each = with_cpus(2);
  each.nodes_excluded = {"b"};
  const auto [key, gang] = f.ask({4, each});
  const auto nodes = gang->nodes();
  CHECK(std::multiset<std::string>(nodes.begin(), nodes.end()) == std::multiset<std::string>{"a", "a", "c", "c"});
  CHECK(f.check({6, each}).size() == 1);
}

TEST_CASE("nothing new is placed on a cordoned node, and it counts for what fits") {
  pool_alone f;
  f.join(pool_alone::make_node("a", 4));
  f.join(pool_alone::make_node("b", 4));
  const auto [first, before] = f.ask({2, with_cpus(4)});
  REQUIRE(before->lease);
  f.set("b", node_condition::cordoned, "new disks");
  f.release(first);
  CHECK(f.check({2, with_cpus(4)}).empty());
  const auto [second, gang] = f.ask({2, with_cpus(4)});
  CHECK_FALSE(gang->lease);
  const auto [third, single] = f.ask({1, with_cpus(4)});
  const auto view = f.view();
  REQUIRE(view.nodes.size() == 2);
  CHECK(view.nodes[1].condition == "cordoned");
  CHECK(view.nodes[1].reason == "new disks");
  CHECK_FALSE(view.nodes[1].available);
  if (single->lease)
    CHECK(single->nodes() == std::vector<std::string>{"a"});
  f.release(third);
  f.set("b", node_condition::ready);
  CHECK(gang->lease);
}

TEST_CASE("who holds places on a node that cannot be reached keeps them until its group gives them up") {
  pool_alone f;
  f.join(pool_alone::make_node("a", 4, 1));
  f.join(pool_alone::make_node("b", 4, 1));
  const auto [gang_key, gang] = f.ask({2, with_gpus(1)});
  REQUIRE(gang->lease);
  f.set("b", node_condition::suspect, "node b cannot be reached: it is silent");
  CHECK(f.view().available);
  CHECK(f.check({2, with_gpus(1)}).empty()); // It is known.
  CHECK(f.view().nodes[1].free.gpus.empty());
  const auto [later, waiting] = f.ask({1, with_gpus(1)});
  CHECK_FALSE(waiting->lease);

  f.set("b", node_condition::lost, "nothing was heard of it");
  auto back = pool_alone::make_node("b", 4, 1);
  back.address = "10.0.0.99";
  f.join(std::move(back)); // With what it offers now.
  CHECK_FALSE(waiting->lease);
  f.release(gang_key);
  REQUIRE(waiting->lease);
  f.release(later);
  const auto [again, both] = f.ask({2, with_gpus(1)});
  const auto places = both->places();
  CHECK(std::multiset<std::string>(places.begin(), places.end()) ==
        std::multiset<std::string>{"a/10.0.0.1/0", "b/10.0.0.99/0"});
}

TEST_CASE("a node that has left is forgotten when nobody holds places there") {
  pool_alone f;
  f.join(pool_alone::make_node("a", 4));
  const auto [key, single] = f.ask({});
  REQUIRE(single->lease);
  f.set("a", node_condition::gone);
  CHECK_FALSE(f.view().available);
  CHECK(f.view().nodes.size() == 1);
  const auto [next, waiting] = f.ask({});
  CHECK_THAT(waiting->delayed, ContainsSubstring("is unavailable"));
  f.release(key);
  CHECK(f.view().nodes.empty());
  f.join(pool_alone::make_node("b", 4));
  CHECK(waiting->nodes() == std::vector<std::string>{"b"});
  f.set("nobody", node_condition::lost);
  CHECK(f.view().available);
}

TEST_CASE("places of an earlier runtime are booked on a node that cannot be reached yet") {
  pool_alone f;
  auto away = pool_alone::make_node("a", 4, 2);
  away.condition = node_condition::suspect;
  f.join(std::move(away));
  f.join(pool_alone::make_node("b", 4, 2));
  pool_alone::request held{2, with_gpus(1)};
  held.held = {at(f, "a", {1}, "10.0.0.1"), at(f, "b", {0}, "10.0.0.2")};
  const auto [key, gang] = f.ask(held);
  CHECK(gang->places() == std::vector<std::string>{"a/10.0.0.1/1", "b/10.0.0.2/0"});
  const auto [other, two] = f.ask({2, with_gpus(1)});
  CHECK_FALSE(two->lease);
  f.join(pool_alone::make_node("a", 4, 2));
  const auto places = two->places();
  CHECK(std::multiset<std::string>(places.begin(), places.end()) ==
        std::multiset<std::string>{"a/10.0.0.1/0", "b/10.0.0.2/1"});
}

TEST_CASE("who holds places on a node that is not known waits for it, and gets them before anybody else") {
  pool_alone f;
  f.join(pool_alone::make_node("b", 4, 1));
  pool_alone::request held{1, with_gpus(1)};
  held.held = {at(f, "a", {0}, "10.0.0.1")};
  const auto [key, gang] = f.ask(held);
  CHECK_FALSE(gang->lease);
  CHECK_FALSE(gang->refused);
  CHECK_THAT(gang->delayed, ContainsSubstring("node a"));
  const auto [first, one] = f.ask({1, with_gpus(1)});
  REQUIRE(one->lease);
  const auto [second, waiting] = f.ask({1, with_gpus(1)});
  f.join(pool_alone::make_node("a", 4, 1));
  CHECK(gang->places() == std::vector<std::string>{"a/10.0.0.1/0"});
  CHECK_FALSE(waiting->lease);

  auto lost = held;
  lost.held = {at(f, "c", {0}, "10.0.0.3")};
  const auto [third, never] = f.ask(lost);
  CHECK_FALSE(never->refused);
  f.set("c", node_condition::gone);
  REQUIRE(never->refused);
  CHECK(never->refused->code == ec::not_found);
  f.release(third);
  CHECK(f.view().waiting_gangs == 1);
}

TEST_CASE("what holds places is booked while nothing is placed") {
  pool_alone f;
  f.pause("for a reason");
  pool_alone::request held{1, with_gpus(1)};
  held.held = {at(f, "a", {0}, "10.0.0.1")};
  const auto [key, gang] = f.ask(held);
  const auto [other, waiting] = f.ask({1, with_gpus(1)});
  f.join(pool_alone::make_node("a", 4, 2));
  CHECK(gang->lease);
  CHECK_FALSE(waiting->lease);
  f.go_on();
  CHECK(waiting->lease);
}

TEST_CASE("who waits in a pool that agents join is told that none has") {
  pool_config config;
  config.may_grow = true;
  pool_alone f{config};
  const auto [key, single] = f.ask({});
  CHECK_THAT(single->delayed, ContainsSubstring("has no nodes: none has joined"));
  REQUIRE(f.why(key));
  CHECK(f.why(key)->cause == "unavailable");
  f.join(pool_alone::make_node("a", 4));
  CHECK(single->lease);
}

TEST_CASE("a pool without a node is unavailable, and takes what will be looked at later") {
  pool_alone f;
  CHECK_FALSE(f.view().available);
  CHECK(f.check({64, with_cpus(64)}).empty());
  const auto [key, single] = f.ask({1, with_cpus(8)});
  CHECK_THAT(single->delayed, ContainsSubstring("is unavailable"));
  f.join(pool_alone::make_node("a", 4));
  REQUIRE(single->refused);
  CHECK(single->refused->code == ec::never_fits);
}

TEST_CASE("what an earlier runtime left is booked before its group asks") {
  pool_alone f;
  f.pause("taking up");
  f.join(pool_alone::make_node("a", 4, 2));
  pool_alone::request held{1, with_gpus(1)};
  held.held = {at(f, "a", {0}, "10.0.0.1")};
  f.expect(7, held);
  f.go_on();
  const auto [other, one] = f.ask({1, with_gpus(1)});
  CHECK(one->places() == std::vector<std::string>{"a/10.0.0.1/1"});
  const auto gang = f.ask(7, held);
  CHECK(gang->places() == std::vector<std::string>{"a/10.0.0.1/0"});
  f.expect(7, held); // It has asked: nothing changes.
  f.release(7);
  CHECK(f.view().nodes[0].free.gpus == std::vector<std::uint32_t>{0});
}

TEST_CASE("who has places on a node that cannot be reached is told what its end waits for") {
  pool_alone f;
  f.join(pool_alone::make_node("a", 4, 2));
  const auto [key, here] = f.ask({1, with_gpus(1)});
  REQUIRE(here->lease);
  CHECK_FALSE(f.why(key));
  f.set("a", node_condition::lost, "nothing was heard of it for 60 s");
  const auto why = f.why(key);
  REQUIRE(why);
  CHECK(why->cause == "node");
  CHECK_THAT(why->text, ContainsSubstring("holds places on node a, which is lost (nothing was heard of it for 60 s)") &&
                            ContainsSubstring("a forced cancel gives it up"));
}

TEST_CASE("where lost nodes are not waited for, whoever has places on one is told when they are given up") {
  pool_config config;
  config.gives_up_after = std::chrono::seconds{60};
  pool_alone f{config};
  f.join(pool_alone::make_node("a", 4, 2));
  const auto [key, here] = f.ask({1, with_gpus(1)});
  REQUIRE(here->lease);
  f.set("a", node_condition::suspect, "the connection is lost");
  REQUIRE(f.why(key));
  CHECK_THAT(f.why(key)->text, ContainsSubstring("goes on if the node comes back, and is given up once it was away for "
                                                 "60 s"));
  f.set("a", node_condition::lost, "nothing was heard of it for 60 s");
  REQUIRE(f.why(key));
  CHECK_THAT(f.why(key)->text, ContainsSubstring("what ran there is given up"));
}

TEST_CASE("what is booked before its group asks is as was said last") {
  pool_alone f;
  f.join(pool_alone::make_node("a", 4, 2));
  pool_alone::request held{1, with_gpus(1)};
  held.held = {at(f, "a", {0}, "10.0.0.1")};
  f.expect(7, held);
  held.held = {at(f, "a", {1}, "10.0.0.1")};
  f.expect(7, held);
  CHECK(f.view().nodes[0].free.gpus == std::vector<std::uint32_t>{0});
  held.held.clear();
  f.expect(7, held); // Nothing after all.
  CHECK(f.view().nodes[0].free.gpus == std::vector<std::uint32_t>{0, 1});
}

TEST_CASE("what is not booked any more when it is said anew is others' at once") {
  pool_alone f;
  f.join(pool_alone::make_node("a", 4, 2));
  pool_alone::request two{2, with_gpus(1)};
  two.held = {at(f, "a", {0}, "10.0.0.1"), at(f, "a", {1}, "10.0.0.1")};
  f.expect(7, two);
  const auto [key, waiting] = f.ask({1, with_gpus(1)});
  REQUIRE_FALSE(waiting->lease);
  pool_alone::request one{1, with_gpus(1)};
  one.held = {at(f, "a", {0}, "10.0.0.1")};
  f.expect(7, one);
  CHECK(waiting->places() == std::vector<std::string>{"a/10.0.0.1/1"});
}

TEST_CASE("whoever holds places on a node that is vacated is asked to leave, also when it comes later") {
  pool_alone f;
  f.join(pool_alone::make_node("a", 4, 2));
  f.join(pool_alone::make_node("b", 4));
  const auto [key, here] = f.ask({1, with_gpus(1)});
  REQUIRE(here->places() == std::vector<std::string>{"a/10.0.0.1/0"});
  const auto [other, elsewhere] = f.ask({1, with_cpus(4)});
  REQUIRE(elsewhere->nodes() == std::vector<std::string>{"b"});
  auto draining = pool_alone::make_node("a", 4, 2);
  draining.condition = node_condition::draining;
  f.join(draining);
  f.vacate("a", "it is drained");
  CHECK(here->asked_to_leave == "it is drained");
  CHECK(elsewhere->asked_to_leave.empty());
  REQUIRE(f.why(key));
  CHECK(f.why(key)->cause == "leaving");
  CHECK(f.why(key)->text == "makes way: it is drained; its places are free once it has ended");
  CHECK_FALSE(f.why(other));
  here->asked_to_leave.clear();
  f.vacate("a", "once more"); // It is on its way.
  CHECK(here->asked_to_leave.empty());

  pool_alone::request held{1, with_gpus(1)};
  held.held = {at(f, "a", {1}, "10.0.0.1")};
  f.expect(7, held); // An earlier runtime put it there.
  f.join(draining);  // It was away for a moment.
  const auto late = f.ask(7, held);
  CHECK(late->asked_to_leave == "it is drained");
  f.release(key);
  f.release(7);
  const auto [fourth, waiting] = f.ask({1, with_gpus(1)});
  CHECK_FALSE(waiting->lease);

  f.join(pool_alone::make_node("a", 4, 2));
  CHECK(waiting->lease);
  CHECK(waiting->asked_to_leave.empty());
  f.vacate("nowhere", "nobody is there");
}

TEST_CASE("who would fit with more nodes waits for them, and holds up nobody") {
  pool_config config;
  config.may_grow = true;
  pool_alone f{std::move(config)};
  f.join(pool_alone::make_node("a", 4, 2));
  CHECK(f.check({2, with_gpus(2)}).empty());
  const auto [key, large] = f.ask({2, with_gpus(2)});
  CHECK_FALSE(large->refused);
  CHECK(large->delayed ==
        "would fit only with more nodes: asks for 4 GPUs in 2 tasks, the pool has 1 node with 2 GPUs; "
        "needs 4 GPUs: node a has 2, for 2 tasks together");
  const auto why = f.why(key);
  REQUIRE(why);
  CHECK(why->cause == "more_nodes");
  REQUIRE(why->placement);
  CHECK(why->placement->lacks.front().what == resource_kind::gpu);
  CHECK(f.view().waiting_gangs == 1);
  CHECK(f.view().waiting_for_nodes == 1);
  for (int i = 0; i < 2; ++i) { // It is not in the queue.
    const auto [other, small] = f.ask({1, with_gpus(1)});
    CHECK(small->lease);
    f.release(other);
  }
  f.join(pool_alone::make_node("a", 4, 2)); // Nothing is new.
  f.join(pool_alone::make_node("b", 4));
  CHECK_FALSE(large->lease);
  CHECK_THAT(large->delayed, ContainsSubstring("the pool has 2 nodes with 2 GPUs"));
  f.join(pool_alone::make_node("c", 4, 2));
  REQUIRE(large->lease);
  CHECK(large->nodes() == std::vector<std::string>{"a", "c"});
  CHECK(f.view().waiting_for_nodes == 0);
}

TEST_CASE("what the configuration of a pool that grows rules out is refused at once") {
  auto policy = std::make_shared<config::pool_policy>();
  config::quota_settings all;
  all.name = "all";
  all.guarantee = 2;
  all.maximum = 4;
  policy->quotas = {all};
  policy->platforms["h200"] = {};
  pool_config config;
  config.may_grow = true;
  config.max_parallel = 3;
  config.policy = policy;
  pool_alone f{std::move(config)};
  const auto of_platform = [](const char* name) {
    pool_alone::request x;
    x.each.platform = name;
    return x;
  };
  REQUIRE(f.check({1, with_gpus(3)}).size() == 1); // Beyond its guarantee.
  CHECK(f.check({1, with_gpus(2)}).empty());
  CHECK_THAT(f.check({4, with_cpus(1)}).at(0), ContainsSubstring("at most 3 may run in parallel"));
  CHECK(f.check(of_platform("h200")).empty());
  auto node = pool_alone::make_node("a", 4);
  node.platform = "a100";
  f.join(std::move(node));
  CHECK(f.check(of_platform("h200")).empty());
  CHECK(f.check(of_platform("a100")).empty());
  CHECK_THAT(f.check(of_platform("h2OO")).at(0), ContainsSubstring("no node is of platform h2OO"));
  f.join(pool_alone::make_node("b", 4)); // It says none, and takes all.
  CHECK(f.check(of_platform("h2OO")).empty());
  CHECK(f.check({1, with_cpus(64)}).empty());
}

TEST_CASE("a pool none of whose nodes can be reached is down, until one can") {
  pool_alone f;
  f.join(pool_alone::make_node("a", 4));
  f.join(pool_alone::make_node("b", 4));
  f.set("a", node_condition::cordoned);
  f.set("b", node_condition::lost);
  CHECK(f.view().available); // What runs on a node that takes nothing new is there.
  f.set("a", node_condition::suspect);
  CHECK_FALSE(f.view().available);
  CHECK(f.view().reason == "none of its nodes can be reached: 1 suspect, 1 lost");
  CHECK(f.check({2, with_cpus(4)}).empty());
  f.set("a", node_condition::ready);
  CHECK(f.view().available);
  CHECK(f.view().reason.empty());
}

TEST_CASE("a platform with permissions is only of nodes that say so, where agents join") {
  auto policy = std::make_shared<config::pool_policy>();
  policy->platforms["plain"] = {};
  policy->platforms["trusted"].permissions = config::platform_permissions{true, false, {}};
  pool_config config;
  config.may_grow = true;
  config.policy = policy;
  pool_alone f{config};
  f.join(pool_alone::make_node("a", 4)); // It says none.
  const auto of_platform = [](const char* name) {
    pool_alone::request x;
    x.each.platform = name;
    return x;
  };
  CHECK(f.ask(of_platform("plain")).second->lease);
  CHECK(f.check(of_platform("trusted")).empty()); // Nodes may join.
  const auto [key, waiting] = f.ask(of_platform("trusted"));
  CHECK_FALSE(waiting->lease);
  const auto why = f.why(key);
  REQUIRE(why);
  CHECK(why->cause == "more_nodes");
  CHECK_THAT(why->text, ContainsSubstring("no node says that it is of platform trusted, which has permissions"));
  auto node = pool_alone::make_node("b", 4);
  node.platform = "trusted";
  f.join(std::move(node));
  REQUIRE(waiting->lease);
  CHECK(waiting->nodes() == std::vector<std::string>{"b"});

  config.may_grow = false; // What its only machine permits is its configuration's to say.
  pool_alone fixed{config};
  fixed.join(pool_alone::make_node("a", 4));
  CHECK(fixed.ask(of_platform("trusted")).second->lease);
}

TEST_CASE("who waits in line for a node that leaves for good is put off, and waits for another one") {
  pool_config config;
  config.may_grow = true;
  pool_alone f{std::move(config)};
  f.join(pool_alone::make_node("a", 4));
  f.join(pool_alone::make_node("b", 4, 2));
  const auto [first, holder] = f.ask({1, with_gpus(2)});
  const auto [second, waiting] = f.ask({1, with_gpus(2)});
  REQUIRE(holder->lease);
  CHECK_FALSE(waiting->lease);
  f.set("b", node_condition::gone);
  f.release(first);
  REQUIRE(waiting->refused);
  CHECK(waiting->refused->code == ec::unavailable); // Its group asks again.
  const auto again = f.ask(second, {1, with_gpus(2)});
  CHECK_THAT(again->delayed, ContainsSubstring("would fit only with more nodes"));
  f.join(pool_alone::make_node("c", 4, 2));
  CHECK(again->lease);
}

TEST_CASE("who asks for a driver is placed where it is, in a network if that makes one") {
  pool_alone f;
  auto plain = pool_alone::make_node("a", 8);
  plain.offered.driver = "process";
  add_driver_labels(plain.offered, plain.labels);
  f.join(plain);
  f.join(with_both("b", 4));
  const auto [boxed, containers] = f.ask({2, run_by("docker")});
  REQUIRE(containers->lease);
  for (const auto& x : containers->lease->places) {
    CHECK(x.node == "b");
    CHECK(x.address.substr(0, 7) == "10.213.");
  }
  // Processes there have the address of the node, and are in one group with those of other nodes.
  const auto [bare, processes] = f.ask({10, run_by("process")});
  REQUIRE(processes->lease);
  const auto all = processes->places();
  CHECK(std::set<std::string>(all.begin(), all.end()) == std::set<std::string>{"a/10.0.0.1/", "b/10.0.0.2/"});
  f.release(bare);
  // Who asks for none is run by what the node has first.
  const auto [any, first] = f.ask({10, {}});
  REQUIRE(first->lease);
  CHECK(first->places().back().substr(2, 5) == "10.0.");

  CHECK_THAT(f.check({1, run_by("slurm")}).at(0),
             ContainsSubstring("no node carries the labels that it asks for: muster/driver-slurm=yes"));
}

TEST_CASE("a task with GPUs goes where its driver gives them to it") {
  pool_alone f;
  f.join(with_both("a", 4, 2)); // Its containers get none.
  CHECK(f.ask({1, run_by("process", 1)}).second->lease);
  CHECK(f.ask({1, run_by("docker")}).second->lease);
  CHECK_THAT(f.check({1, run_by("docker", 1)}).at(0), ContainsSubstring("muster/driver-docker-gpu=yes"));
  auto both = with_both("b", 4, 2);
  both.offered.besides[0].total.gpus = both.offered.total.gpus;
  add_driver_labels(both.offered, both.labels);
  f.join(both);
  const auto [key, placed] = f.ask({1, run_by("docker", 1)});
  REQUIRE(placed->lease);
  CHECK(placed->lease->places[0].node == "b");
}

TEST_CASE("a gang that holds addresses of a network is taken up in it, whatever its node has first by now") {
  pool_alone f;
  f.join(with_both("a", 8));
  // Of a workflow that asks for no driver, from when the node had containers alone.
  const auto held = std::vector<placed_member>{at(f, "a", {}, "10.213.0.66"), at(f, "a", {}, "10.213.0.67")};
  pool_alone::request x{2, {}};
  x.held = held;
  const auto [old, taken_up] = f.ask(x);
  REQUIRE(taken_up->lease);
  CHECK(taken_up->lease->places[0].address == "10.213.0.66");
  const auto [key, next] = f.ask({2, run_by("docker")});
  REQUIRE(next->lease);
  const auto block = [](const std::string& address) { return address.substr(0, address.rfind('.')); };
  for (const auto& place : next->lease->places) {
    CHECK(place.address.substr(0, 7) == "10.213.");
    CHECK(place.address != "10.213.0.66");
    CHECK(place.address != "10.213.0.67");
  }
  CHECK(block(next->lease->places[0].address) == block(next->lease->places[1].address));
}

TEST_CASE("nobody says by a label of its own what it runs tasks by") {
  capabilities offered;
  offered.driver = "process";
  std::map<std::string, std::string> labels{
      {"muster/driver-docker", "yes"}, {"muster/driver-docker-gpu", "yes"}, {"muster/os", "debian-12"}};
  add_driver_labels(offered, labels);
  CHECK(labels == std::map<std::string, std::string>{{"muster/driver-process", "yes"}, {"muster/os", "debian-12"}});
}
