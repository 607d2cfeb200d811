#include "support/catch.hpp"

#include "muster/placement/network_blocks.hpp"

#include <random>

using namespace muster;

namespace {

address_space space_of(const char* range, std::vector<const char*> taken = {}) {
  address_space x{*parse_ipv4_block(range), {}};
  for (const auto* text : taken)
    x.taken.push_back(*parse_ipv4_block(text));
  return x;
}

std::string shared(const address_space& space) {
  const auto found = shared_block(space);
  return found ? to_text(*found) : "none";
}

} // namespace

TEST_CASE("a group's network is the smallest that holds it") {
  CHECK(block_prefix(2) == 28);
  CHECK(block_prefix(13) == 28);
  CHECK(block_prefix(14) == 27);
  CHECK(block_prefix(29) == 27);
  CHECK(block_prefix(30) == 26);
  CHECK(block_prefix(253) == 24);
  CHECK(block_prefix(254) == 23);
  CHECK(block_prefix(1024) == 21);
  CHECK(block_prefix(0xffffffff) == 0);
}

TEST_CASE("every address of a group leads to the same network, which has room for all of it") {
  std::mt19937 random{7};
  for (int i = 0; i < 300; ++i) {
    const auto members = static_cast<std::uint32_t>(2 + random() % 3000);
    const auto network = block_around(static_cast<ipv4_address>(0x0ad50000 + random() % 65536), block_prefix(members));
    for (const auto position : {0U, members / 2, members - 1}) {
      const auto address = member_address(network, position);
      CHECK(block_of(address, members) == network);
      CHECK(address != gateway_of(network));
      CHECK(address < network.last());
    }
  }
}

TEST_CASE("tasks without a gang share the first free /20, or quarter of a small range") {
  CHECK(shared(space_of("10.213.0.0/16")) == "10.213.0.0/20");
  CHECK(shared(space_of("10.0.0.0/8")) == "10.0.0.0/20");
  CHECK(shared(space_of("10.213.0.0/18")) == "10.213.0.0/20");
  CHECK(shared(space_of("10.213.0.0/19")) == "10.213.0.0/21");
  CHECK(shared(space_of("192.168.7.0/24")) == "192.168.7.0/26");
  CHECK(shared(space_of("192.168.7.64/26")) == "192.168.7.64/28");
}

TEST_CASE("the shared network steps aside of what others use") {
  CHECK(shared(space_of("10.213.0.0/16", {"10.213.0.0/24"})) == "10.213.16.0/20");
  CHECK(shared(space_of("10.213.0.0/16", {"10.213.31.7/32", "10.213.0.0/24"})) == "10.213.32.0/20");
  CHECK(shared(space_of("10.213.0.0/16", {"10.213.0.0/17"})) == "10.213.128.0/20");
  CHECK(shared(space_of("10.213.0.0/16", {"10.214.0.0/16"})) == "10.213.0.0/20");
  CHECK(shared(space_of("10.213.0.0/16", {"10.0.0.0/8"})) == "none");
  CHECK(shared(space_of("255.255.0.0/16", {"255.255.0.0/16"})) == "none");
}
