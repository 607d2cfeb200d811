#include "support/catch.hpp"

#include "muster/placement/addresses.hpp"

#include <set>

using namespace muster;

TEST_CASE("loopback addresses are distinct and within 127.64.0.0/10") {
  loopback_addresses pool{0};
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i)
    seen.insert(pool.allocate());
  CHECK(seen.size() == 1000);
  CHECK(seen.count("127.64.0.1") == 1);
  CHECK(seen.count("127.64.0.0") == 0);
  CHECK(pool.taken() == 1000);
}

TEST_CASE("a released address is not given out again at once, a reserved one not at all") {
  loopback_addresses pool{5};
  pool.reserve("127.64.0.6");
  CHECK(pool.allocate() == "127.64.0.5");
  pool.release("127.64.0.5");
  CHECK(pool.allocate() == "127.64.0.7");
  CHECK(pool.taken() == 2);
}

TEST_CASE("the range wraps around") {
  loopback_addresses pool{(1U << 22U) - 2};
  CHECK(pool.allocate() == "127.127.255.254");
  CHECK(pool.allocate() == "127.64.0.1");
}

TEST_CASE("addresses of other ranges are ignored") {
  loopback_addresses pool{1};
  for (const auto* text : {"", "127.0.0.1", "10.0.0.1", "127.64.0", "127.64.0.1.2", "127.64.0.256", "x"})
    pool.reserve(text);
  CHECK(pool.taken() == 0);
}
