#include "support/catch.hpp"

#include "muster/state/status.hpp"

using namespace muster;

TEST_CASE("status names round-trip") {
  int found = 0;
  for (int i = 1; i < 256; ++i) {
    const auto s = static_cast<status>(i);
    if (to_string(s) == "UNSPECIFIED")
      continue;
    ++found;
    CHECK(parse_status(to_string(s)) == s);
  }
  CHECK(found == 23);
  CHECK_FALSE(parse_status("running"));
}
