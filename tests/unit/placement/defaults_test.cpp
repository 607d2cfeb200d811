#include "support/catch.hpp"

#include "muster/placement/defaults.hpp"

#include <limits>

using namespace muster;

namespace {

spec::workflow gang_of(int tasks, spec::resource each = {}) {
  spec::workflow w;
  w.name = "w";
  w.resources["default"] = each;
  spec::group g;
  g.name = "gang";
  for (int i = 0; i < tasks; ++i) {
    spec::task t;
    t.name = "t" + std::to_string(i);
    t.image = "none";
    t.command = {"true"};
    t.lead = i == 0;
    g.tasks.push_back(t);
  }
  w.groups.push_back(g);
  return w;
}

constexpr std::int64_t gib = std::int64_t{1} << 30;
const node_amounts laptop{2, 4 * gib, 10 * gib};

} // namespace

TEST_CASE("a gang that fits changes nothing") {
  const auto needs = needs_of_defaults(gang_of(2), laptop);
  CHECK(needs.at_least.cpu == 0);
  CHECK(needs.notes.empty());
}

TEST_CASE("defaults never make a gang too large for the machine") {
  const auto needs = needs_of_defaults(gang_of(5), laptop);
  CHECK(needs.at_least.cpu == 5);
  CHECK(needs.at_least.memory == 5 * gib);
  CHECK(needs.at_least.storage == 0);
  REQUIRE(needs.notes.size() == 1);
  CHECK(needs.notes.front() ==
        "by default the 5 tasks of group gang, which run together, stand for 5 CPUs and 5 GiB of "
        "memory, of which this machine has 2 and 4 GiB: they share what there is");
}

TEST_CASE("what is short is said, also of a task alone") {
  const auto needs = needs_of_defaults(gang_of(1), {1, 4 * gib, gib / 2 + gib / 4});
  CHECK(needs.at_least.cpu == 0);
  CHECK(needs.at_least.storage == gib);
  REQUIRE(needs.notes.size() == 1);
  CHECK(needs.notes.front() ==
        "by default task t0 stands for 1 GiB of storage, of which this machine has 768 MiB: it takes what there is");
}

TEST_CASE("what was asked for counts") {
  spec::resource one_cpu;
  one_cpu.cpu = 1;
  CHECK(needs_of_defaults(gang_of(3, one_cpu), laptop).at_least.cpu == 0);
  spec::resource much_memory;
  much_memory.memory = 3 * gib;
  const auto needs = needs_of_defaults(gang_of(3, much_memory), laptop);
  CHECK(needs.at_least.cpu == 3);
  CHECK(needs.at_least.memory == 0);
}

TEST_CASE("who asks for all that can be counted asks for no less together") {
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  spec::resource all;
  all.cpu = all.memory = all.storage = most;
  CHECK(needs_of_defaults(gang_of(3, all), laptop).at_least.cpu == 0);
  const auto built = make_plan(gang_of(3, all));
  REQUIRE(built);
  CHECK(largest_gang(*built).cpu == most);
  CHECK(largest_gang(*built).memory == most);
  CHECK(largest_gang(*built).storage == most);
}

TEST_CASE("the largest gang of a plan is what a machine must be taken for") {
  const auto built = make_plan(gang_of(7));
  REQUIRE(built);
  CHECK(largest_gang(*built).cpu == 7);
  CHECK(largest_gang(*built).memory == 7 * gib);
}
