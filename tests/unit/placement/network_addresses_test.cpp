#include "support/catch.hpp"

#include "muster/placement/network_addresses.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <random>
#include <set>

using namespace muster;

namespace {

address_space space_of(const char* range, std::vector<const char*> taken = {}) {
  address_space x{*parse_ipv4_block(range), {}};
  for (const auto* text : taken)
    x.taken.push_back(*parse_ipv4_block(text));
  return x;
}

group_part whole(std::uint32_t size) {
  group_part x{size, std::vector<std::uint32_t>(size)};
  std::iota(x.positions.begin(), x.positions.end(), 0U);
  return x;
}

using texts = std::vector<std::string>;

} // namespace

TEST_CASE("a gang gets a block of its own, a task alone an address of the shared one") {
  network_addresses pool{space_of("10.213.0.0/16"), 0};
  CHECK(pool.allocate(whole(3)) == texts{"10.213.16.2", "10.213.16.3", "10.213.16.4"});
  CHECK(pool.allocate(whole(2)) == texts{"10.213.16.18", "10.213.16.19"});
  CHECK(pool.allocate(whole(1)) == texts{"10.213.0.2"});
  CHECK(pool.allocate(whole(1)) == texts{"10.213.0.3"});
  CHECK(pool.blocks() == 2);
  CHECK(pool.alone() == 2);
}

TEST_CASE("members that are asked for again have the addresses of their positions") {
  network_addresses pool{space_of("10.213.0.0/16"), 0};
  CHECK(pool.allocate({20, {4, 19}}) == texts{"10.213.16.6", "10.213.16.21"});
  // The block is that of the whole group.
  CHECK(pool.allocate(whole(2)) == texts{"10.213.16.34", "10.213.16.35"});
}

TEST_CASE("a block that was given back is the last to be given out again") {
  network_addresses pool{space_of("192.168.0.0/24"), 0}; // a /26 is shared: twelve blocks are left
  const auto first = *pool.allocate(whole(2));
  pool.release(2, first);
  for (int i = 0; i < 11; ++i)
    CHECK(*pool.allocate(whole(2)) != first);
  CHECK(*pool.allocate(whole(2)) == first);
}

TEST_CASE("when all is in use it is said, and what is given back serves again") {
  network_addresses pool{space_of("192.168.0.0/24"), 5};
  std::vector<texts> held;
  while (auto x = pool.allocate(whole(2)))
    held.push_back(*std::move(x));
  CHECK(held.size() == 12);
  CHECK(pool.why_waiting(2) == "waiting for a network: all of 192.168.0.0/24 is in use by 12 groups");
  CHECK(!pool.never_fits(2));
  pool.release(2, held[7]);
  CHECK(!pool.allocate(whole(14)));
  CHECK(pool.why_waiting(14) ==
        "waiting for a network of 32 addresses: what 11 groups leave of 192.168.0.0/24 is too small");
  CHECK(pool.allocate(whole(2)) == held[7]);

  for (int i = 0; i < 61; ++i)
    REQUIRE(pool.allocate(whole(1)));
  CHECK(!pool.allocate(whole(1)));
  CHECK(pool.why_waiting(1) == "waiting for a network: all of 192.168.0.0/26 is in use by 61 tasks");
  pool.release(1, {"192.168.0.17"});
  CHECK(pool.allocate(whole(1)) == texts{"192.168.0.17"});
}

TEST_CASE("a gang that could never have a network is told so") {
  network_addresses pool{space_of("10.213.0.0/16"), 0};
  CHECK(!pool.never_fits(32765));
  REQUIRE(pool.never_fits(32766));
  CHECK(*pool.never_fits(32766) ==
        "has 32766 tasks that need a network of 65536 addresses: the largest that 10.213.0.0/16 has room for has "
        "32768; a larger range can be configured");
  CHECK(!pool.allocate(whole(32766)));
  CHECK(pool.allocate(whole(32765)));

  network_addresses full{space_of("10.213.0.0/16", {"10.0.0.0/8"}), 0};
  CHECK_THAT(*full.never_fits(1), ContainsSubstring("all of 10.213.0.0/16 is taken by others"));
  CHECK_THAT(*full.never_fits(2), ContainsSubstring("nothing of 10.213.0.0/16 is free"));
  CHECK(!full.allocate(whole(1)));
  CHECK(!full.allocate(whole(2)));
}

TEST_CASE("what others use is never given out, down to a single address") {
  network_addresses pool{space_of("192.168.0.0/24", {"192.168.0.64/27", "192.168.0.133/32"}), 0};
  std::set<std::string> firsts;
  while (auto x = pool.allocate(whole(2)))
    firsts.insert(x->front());
  CHECK(firsts.size() == 9);
  for (const auto* text : {"192.168.0.66", "192.168.0.82", "192.168.0.130"})
    CHECK(firsts.count(text) == 0);
}

TEST_CASE("what is held from before is booked, and the rest of the group joins it") {
  network_addresses pool{space_of("10.213.0.0/16"), 0};
  CHECK(pool.restore(whole(3), {"", "10.213.16.3", ""}) == texts{"10.213.16.2", "10.213.16.3", "10.213.16.4"});
  CHECK(pool.restore(whole(1), {"10.213.0.2"}) == texts{"10.213.0.2"});
  CHECK(pool.allocate(whole(2))->front() == "10.213.16.18");
  CHECK(pool.allocate(whole(1))->front() == "10.213.0.3");
  // Of another range, as it was configured then: kept as they are.
  CHECK(pool.restore(whole(2), {"10.99.0.18", ""}) == texts{"10.99.0.18", "10.99.0.19"});
  CHECK(pool.restore(whole(1), {"10.213.16.200"}) == texts{"10.213.16.200"});
  pool.release(2, {"10.99.0.18", "10.99.0.19"});
  pool.release(1, {"10.213.16.200"});
  // Nothing was recorded: as if new.
  CHECK(pool.restore(whole(2), {"", ""}).front() == "10.213.16.34");
  pool.release(3, {"10.213.16.2", "10.213.16.3", "10.213.16.4"});
  CHECK(pool.blocks() == 2);
}

TEST_CASE("whatever is asked for and given back, no two groups ever share an address") {
  for (std::uint32_t seed = 1; seed <= 40; ++seed) {
    INFO(seed);
    std::mt19937 random{seed};
    const address_space space = space_of("10.213.0.0/20", {"10.213.7.0/24", "10.213.9.33/32"});
    network_addresses pool{space, static_cast<std::uint32_t>(random())};
    std::map<int, std::pair<std::uint32_t, texts>> live;
    std::set<std::string> used;
    for (int step = 0; step < 600; ++step) {
      if (random() % 5 < 3) {
        const auto size = static_cast<std::uint32_t>(random() % 2 == 0 ? 1 : 1 + random() % 120);
        auto given = pool.allocate(whole(size));
        if (!given)
          continue;
        REQUIRE(given->size() == size);
        for (const auto& text : *given) {
          REQUIRE(used.insert(text).second);
          const auto address = *parse_ipv4(text);
          REQUIRE(space.range.contains(address));
          for (const auto& x : space.taken)
            REQUIRE(!x.contains(address));
          const auto network = size == 1 ? *shared_block(space) : block_of(address, size);
          REQUIRE(network.contains(address));
          REQUIRE(address > gateway_of(network));
          REQUIRE(address < network.last());
        }
        live[step] = {size, *given};
      } else if (!live.empty()) {
        auto at = std::next(live.begin(), static_cast<std::ptrdiff_t>(random() % live.size()));
        for (const auto& text : at->second.second)
          used.erase(text);
        pool.release(at->second.first, at->second.second);
        live.erase(at);
      }
    }
    for (const auto& [step, group] : live)
      pool.release(group.first, group.second);
    CHECK(pool.blocks() == 0);
    CHECK(pool.alone() == 0);
    // Nothing leaked: the largest block is there again.
    CHECK(pool.allocate(whole(1021)));
  }
}

TEST_CASE("members in the host's network have the gateway's address, tasks that want none have none") {
  network_addresses pool{space_of("10.213.0.0/16"), 0};
  using need = address_need;
  const group_part gang{3, {0, 1, 2}, {need::own, need::host, need::own}};
  const auto given = *pool.allocate(gang);
  CHECK(given == texts{"10.213.16.2", "10.213.16.1", "10.213.16.4"});
  CHECK(pool.allocate({1, {0}, {need::none}}) == texts{""});
  CHECK(pool.allocate({1, {0}, {need::host}}) == texts{"127.0.0.1"});
  CHECK(pool.alone() == 0);
  CHECK(pool.blocks() == 1);
  pool.release(1, {"127.0.0.1"});
  pool.release(1, {""});
  pool.release(3, given);
  CHECK(pool.blocks() == 0);
  // The same after a restart, for the one whose address was never recorded.
  CHECK(pool.restore(gang, {"10.213.16.2", "", "10.213.16.4"}) == given);
  CHECK(pool.restore({1, {0}, {need::none}}, {""}) == texts{""});
}
