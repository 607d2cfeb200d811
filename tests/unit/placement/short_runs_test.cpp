#include "support/catch.hpp"

#include "muster/placement/short_runs.hpp"

using namespace muster;
using namespace std::chrono_literals;

namespace {

void add(short_runs& to, int count, std::chrono::nanoseconds held) {
  for (int i = 0; i < count; ++i)
    to.add(held);
}

} // namespace

TEST_CASE("the shorter the runs, the more are got ready, once enough were seen") {
  short_runs x;
  CHECK(x.depth() == 0);
  add(x, 3, 1ms);
  CHECK(x.depth() == 0);
  add(x, 1, 1ms);
  CHECK(x.depth() == 1);
  add(x, 4, 1ms);
  CHECK(x.depth() == 2);
  add(x, 100, 1ms);
  CHECK(x.depth() == 16);
  add(x, 100, 5ms);
  CHECK(x.depth() == 4);
  add(x, 100, 15ms);
  CHECK(x.depth() == 1);
  add(x, 100, 30ms);
  CHECK(x.depth() == 0);
}

TEST_CASE("one long run is enough to stop, and a dozen short ones to go on") {
  short_runs x;
  add(x, 100, 1ms);
  x.add(1h);
  CHECK(x.depth() == 0);
  add(x, 5, 1ms);
  CHECK(x.depth() == 0);
  add(x, 15, 1ms);
  CHECK(x.depth() > 0);
}
