#include "support/catch.hpp"

#include "muster/base/result.hpp"

using namespace muster;

TEST_CASE("a result holds a value or an error") {
  const result<int> good{3};
  REQUIRE(good);
  CHECK(*good == 3);
  const result<int> bad{ec::not_found, "no such thing"};
  REQUIRE_FALSE(bad);
  CHECK(bad.failure().code == ec::not_found);
  CHECK(bad.failure().message == "no such thing");
}

TEST_CASE("every error code has a name and a kind") {
  for (int i = 1; i < 256; ++i) {
    const auto code = static_cast<ec>(i);
    if (to_string(code) != "unknown")
      CHECK(kind(code) != error_kind::none);
  }
  CHECK(kind(ec::unavailable) == error_kind::transient);
  CHECK(kind(ec::internal) == error_kind::bug);
}
