#include "support/catch.hpp"

#include "muster/placement/node_index.hpp"

#include <limits>
#include <random>

using namespace muster;

TEST_CASE("the node that is filled best is found, among those that may be used") {
  node_index x;
  x.set(0, 0, {8, 64, 100, 100}, true);
  x.set(1, 0, {2, 64, 100, 100}, true);
  x.set(2, 1, {2, 8, 100, 100}, true);
  x.set(3, 2, {1, 8, 100, 100}, true);
  x.set(4, 0, {0, 64, 5, 100}, true);
  x.set(5, 0, {1, 8, 100, 100}, false);
  CHECK(x.best({1, 1, 1, 1}, {}) == 3U);
  CHECK(x.best({1, 1, 1, 1}, {1, nullptr, nullptr}) == 2U);
  CHECK(x.best({1, 16, 1, 1}, {1, nullptr, nullptr}) == 1U);
  CHECK(x.best({0, 1, 1, 1}, {}) == 4U);
  CHECK(x.best({0, 1, 6, 1}, {}) == 3U);
  CHECK_FALSE(x.best({9, 1, 1, 1}, {}));
  node_mask few;
  few.add(0);
  few.add(1);
  CHECK(x.best({1, 1, 1, 1}, {0, &few, nullptr}) == 1U);
  CHECK(x.best({1, 1, 1, 1}, {0, nullptr, &few}) == 1U);
  CHECK(x.sum(0).gpus == 13);
  CHECK(x.sum(1).gpus == 12);
}

TEST_CASE("what was tried is taken back, also in steps") {
  node_index x;
  x.set(0, 0, {8, 64, 100, 100}, true);
  const auto outer = x.mark();
  x.change(0, {-4, -1, 0, 0});
  const auto inner = x.mark();
  x.change(0, {-4, -1, 0, 0});
  CHECK_FALSE(x.best({1, 1, 1, 1}, {}));
  x.roll_back(inner);
  CHECK(x.free(0).gpus == 4);
  const auto kept = x.mark();
  x.change(0, {-1, 0, 0, 0});
  x.keep(kept);
  x.roll_back(outer);
  CHECK(x.free(0).gpus == 8);
  CHECK(x.free(0).cpu == 64);
  CHECK(x.sum(0).cpu == 64);
}

TEST_CASE("sums and products that do not fit stay as large as fits") {
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  CHECK(plus({most, 1, 1, 1}, {1, 1, 1, 1}).gpus == most);
  CHECK(times({0, most / 2, 1, 1}, 3).cpu == most);
}

TEST_CASE("an index that changed at random knows what one that was made anew knows") {
  std::mt19937_64 random{3};
  node_index x;
  constexpr std::uint32_t count = 20;
  for (std::uint32_t n = 0; n < count; ++n)
    x.set(n, n % 3, {8, 16, 16, 16}, true);
  for (int step = 0; step < 3000; ++step) {
    const auto n = static_cast<std::uint32_t>(random() % count);
    const auto by = [&] { return static_cast<std::int64_t>(random() % 9) - 4; };
    const node_room change{by(), by(), by(), by()};
    if (random() % 3 == 0) {
      const auto mark = x.mark();
      x.change(n, change);
      x.roll_back(mark);
    } else if (random() % 10 == 0) {
      x.set(n, n % 3, {8, 16, 16, 16}, random() % 2 == 0);
    } else {
      x.change(n, change);
    }
    node_index fresh;
    for (std::uint32_t i = 0; i < count; ++i)
      fresh.set(i, i % 3, x.free(i), x.takes_gangs(i));
    const node_room wanted{static_cast<std::int64_t>(random() % 10), static_cast<std::int64_t>(random() % 20), 3, 3};
    const auto platform = static_cast<std::uint32_t>(random() % 3);
    REQUIRE(x.best(wanted, {platform, nullptr, nullptr}) == fresh.best(wanted, {platform, nullptr, nullptr}));
    REQUIRE(x.sum(platform).memory == fresh.sum(platform).memory);
    REQUIRE(within(fresh.most(platform), x.most(platform)));
  }
}
