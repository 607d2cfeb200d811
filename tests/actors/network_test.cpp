#include "actor_fixture.hpp"

#include "support/catch.hpp"

#include <map>
#include <set>

using namespace muster;
using namespace muster::test;
using namespace std::chrono_literals;

namespace {

/// A pool whose executor makes networks in `range`, with room for many tasks.
void offer_networks(actor_fixture& f, const char* range) {
  f.offered.total.cpu = 1000;
  f.offered.total.memory = f.offered.total.storage = std::int64_t{1} << 50U;
  f.offered.addresses = address_space{*parse_ipv4_block(range), {}};
  f.behaviour = [](const std::string&, std::uint32_t) { return script{ec::none, ec::none, false, 0, 1000ms}; };
}

spec::group pair_of(const std::string& name) {
  return make_group(name, {make_task(name + "a"), make_task(name + "b")});
}

/// The address of each task when it began to run.
std::map<std::string, std::string> addresses(const actor_fixture& f) {
  std::map<std::string, std::string> found;
  for (const auto& x : f.events())
    if (x.type == event_type::task_status && x.status == status::running)
      found[std::string{f.layout().task_name(x.task)}] = x.address;
  return found;
}

} // namespace

TEST_CASE("each gang gets a network of its own, tasks alone share one") {
  actor_fixture f;
  offer_networks(f, "10.213.0.0/16");
  auto w = make_workflow({make_task("one"), make_task("two")});
  w.groups.push_back(make_group("gang", {make_task("x"), make_task("y"), make_task("z")}));
  w.groups.push_back(pair_of("p"));
  f.begin(w);
  REQUIRE(f.run_until_finished());
  CHECK(f.ended() == status::completed);
  const auto where = addresses(f);
  REQUIRE(where.size() == 7);
  const auto network = [&](const char* task, std::uint32_t members) {
    return block_of(*parse_ipv4(where.at(task)), members);
  };
  CHECK(network("x", 3) == network("z", 3));
  CHECK(network("pa", 2) == network("pb", 2));
  CHECK(network("x", 3) != network("pa", 2));
  const auto shared = *shared_block(*f.offered.addresses);
  CHECK(shared.contains(*parse_ipv4(where.at("one"))));
  CHECK(where.at("one") != where.at("two"));
  CHECK(!shared.contains(*parse_ipv4(where.at("x"))));
}

TEST_CASE("where tasks alone need no address they get one only if they say it") {
  actor_fixture f;
  offer_networks(f, "10.213.0.0/16");
  f.offered.alone_without_address = true;
  auto says = make_task("says");
  says.args = {"{{host:says}}"};
  auto w = make_workflow({make_task("plain"), says});
  auto host = make_task("y");
  host.host_network = true;
  w.groups.push_back(make_group("gang", {make_task("x"), host}));
  f.begin(w);
  REQUIRE(f.run_until_finished());
  CHECK(f.ended() == status::completed);
  auto where = addresses(f);
  CHECK(where.at("plain").empty());
  CHECK(shared_block(*f.offered.addresses)->contains(*parse_ipv4(where.at("says"))));
  CHECK(*parse_ipv4(where.at("y")) == gateway_of(block_of(*parse_ipv4(where.at("x")), 2)));
}

TEST_CASE("a gang without a free network keeps its places, says why it waits, and is served first") {
  actor_fixture f;
  offer_networks(f, "192.168.7.0/26"); // three blocks for gangs
  auto w = make_workflow({});
  for (const auto* name : {"a", "b", "c", "d", "e"})
    w.groups.push_back(pair_of(name));
  w.groups.push_back(make_group("alone", {make_task("alone")}));
  f.begin(w);
  f.settle();
  int waiting = 0;
  for (const auto* name : {"aa", "ba", "ca", "da", "ea"})
    if (f.task_status(name) == status::scheduling) {
      ++waiting;
      CHECK(f.task_text(name) == "waiting for a network: all of 192.168.7.0/26 is in use by 3 groups");
    }
  CHECK(waiting == 2);
  CHECK(f.task_status("alone") == status::running);
  REQUIRE(f.run_until_finished());
  CHECK(f.ended() == status::completed);
  CHECK(addresses(f).size() == 11);
}

TEST_CASE("a gang that is canceled while it waits for a network leaves the line") {
  actor_fixture f;
  offer_networks(f, "192.168.7.0/26");
  auto w = make_workflow({});
  for (const auto* name : {"a", "b", "c", "d"})
    w.groups.push_back(pair_of(name));
  f.begin(w);
  f.settle();
  f.cancel(false);
  REQUIRE(f.run_until_finished());
  CHECK(f.ended() == status::failed_canceled);
}

TEST_CASE("after a restart the networks of what runs are not given to others") {
  actor_fixture f;
  offer_networks(f, "192.168.7.0/26");
  auto restore = std::make_shared<workflow_restore>();
  restore->groups = {status::running, status::waiting, status::waiting, status::waiting};
  restore->recorded = status::running;
  group_restore running;
  running.members.push_back({0, status::processing, found::never_started});
  running.places.push_back({"", f.executor(), "", {}});
  running.members.push_back({0, status::running, found::running});
  running.places.push_back({"local", f.executor(), "192.168.7.35", {}});
  restore->members[0] = running;
  auto w = make_workflow({});
  for (const auto* name : {"a", "b", "c", "d"})
    w.groups.push_back(pair_of(name));
  f.take_up(w, restore);
  f.settle();
  const auto where = addresses(f);
  CHECK(where.count("da") == 0);
  CHECK(f.task_text("da") == "waiting for a network: all of 192.168.7.0/26 is in use by 3 groups");
  REQUIRE(f.run_until_finished());
  CHECK(where.at("aa") == "192.168.7.34");
  CHECK(std::set<std::string>{where.at("ba"), where.at("ca")} == std::set<std::string>{"192.168.7.18", "192.168.7.50"});
}

TEST_CASE("a transient failure to prepare, as of a network that is taken, moves on to another block") {
  actor_fixture f;
  offer_networks(f, "10.213.0.0/16");
  auto failures = std::make_shared<int>(1);
  f.behaviour = [failures](const std::string& task, std::uint32_t) {
    const bool fails = task == "pa" && (*failures)-- > 0;
    return script{fails ? ec::unavailable : ec::none, ec::none, false, 0, 0ms};
  };
  auto w = make_workflow({});
  w.groups.push_back(pair_of("p"));
  f.begin(w);
  REQUIRE(f.run_until_finished());
  CHECK(f.ended() == status::completed);
  std::set<std::string> seen;
  for (const auto& x : f.events())
    if (x.type == event_type::task_status && x.task.value == 0 && !x.address.empty())
      seen.insert(x.address);
  CHECK(seen.size() == 2);
}
