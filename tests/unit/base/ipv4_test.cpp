#include "support/catch.hpp"

#include "muster/base/ipv4.hpp"

using namespace muster;

TEST_CASE("addresses are read and written in dotted form") {
  CHECK(parse_ipv4("10.213.0.1") == ipv4_address{0x0ad50001});
  CHECK(parse_ipv4("0.0.0.0") == ipv4_address{0});
  CHECK(parse_ipv4("255.255.255.255") == ipv4_address{0xffffffff});
  CHECK(ipv4_to_text(0x0ad50001) == "10.213.0.1");
  CHECK(ipv4_to_text(0xffffffff) == "255.255.255.255");
  for (const auto* text : {"", "10", "10.0.0", "10.0.0.", "10.0.0.1.2", "10.0.0.256", "10.0.0.0001", "10.0.0.1 ",
                           " 10.0.0.1", "10..0.1", "a.b.c.d", "-1.0.0.0", "10.0.0.99999999999999"}) {
    INFO(text);
    CHECK(!parse_ipv4(text));
  }
}

TEST_CASE("blocks know what is in them") {
  const auto space = *parse_ipv4_block("10.213.0.0/16");
  CHECK(space.size() == 65536);
  CHECK(ipv4_to_text(space.last()) == "10.213.255.255");
  CHECK(space.contains(*parse_ipv4("10.213.17.4")));
  CHECK(!space.contains(*parse_ipv4("10.214.0.0")));
  CHECK(space.contains(*parse_ipv4_block("10.213.16.0/20")));
  CHECK(!parse_ipv4_block("10.213.16.0/20")->contains(space));
  CHECK(parse_ipv4_block("10.213.16.0/20")->overlaps(space));
  CHECK(!parse_ipv4_block("10.212.0.0/16")->overlaps(space));
  CHECK(to_text(block_around(*parse_ipv4("10.213.17.4"), 28)) == "10.213.17.0/28");
  CHECK(to_text(block_around(*parse_ipv4("10.213.17.4"), 32)) == "10.213.17.4/32");
  const auto all = *parse_ipv4_block("0.0.0.0/0");
  CHECK(all.size() == std::uint64_t{1} << 32U);
  CHECK(all.contains(space));
  CHECK(block_around(*parse_ipv4("10.213.17.4"), 0) == all);
}

TEST_CASE("what is no block is refused, and it is said why") {
  for (const auto* text : {"", "10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0/8", "/8", "10.0.0.0/8x",
                           "10.0.0.0/008", "10.0.0.0/8/8"}) {
    INFO(text);
    const auto read = parse_ipv4_block(text);
    REQUIRE(!read);
    CHECK(read.failure().code == ec::invalid_argument);
  }
  CHECK_THAT(parse_ipv4_block("10.213.5.0/16").failure().message, ContainsSubstring("10.213.0.0/16"));
}
