#include "support/catch.hpp"

#include "unit/state/group_world.hpp"
#include "unit/state/seed.hpp"

#include <map>
#include <memory>

using namespace muster;
using namespace muster::test;

namespace {

group_setup random_group(dice& d) {
  auto policy = std::make_shared<group_policy>();
  policy->exec_timeout = std::chrono::seconds{10};
  if (d.chance(50))
    policy->queue_timeout = std::chrono::seconds{10};
  policy->max_retries = static_cast<std::uint32_t>(d.below(4));
  policy->backoff.first = d.chance(50) ? duration{1000} : duration::zero();
  policy->seed = d.below(1000);
  group_setup setup;
  setup.first_task = task_index{static_cast<std::uint32_t>(d.below(100))};
  const auto count = d.chance(30) ? 1 : 1 + d.below(6);
  setup.lead = static_cast<std::uint32_t>(d.below(count));
  setup.barrier = count > 1 && d.chance(60);
  setup.ignore_nonlead_status = d.chance(50);
  setup.policy = std::move(policy);
  for (std::uint64_t i = 0; i < count; ++i) {
    group_member m;
    m.name = "t" + std::to_string(i);
    if (d.chance(60))
      m.exit_actions = {{spec::exit_action::reschedule, {{7, 7}}, "7"}};
    setup.members.push_back(std::move(m));
  }
  return setup;
}

/// Runs one group to its end.
status live_through(std::uint64_t seed, const trouble& what, std::uint64_t cancel_percent) {
  INFO("MUSTER_TEST_SEED=" << seed);
  dice d{seed};
  group_world world{random_group(d), what, seed};
  const bool to_cancel = d.chance(cancel_percent);
  const auto cancel_at = d.below(40);
  for (std::uint64_t step = 0; !world.done(); ++step) {
    REQUIRE(step < 20'000);
    if (to_cancel && (step == cancel_at || step == cancel_at + 10))
      world.cancel(d.chance(50));
    if (!world.done())
      world.step();
  }
  return world.group_status();
}

} // namespace

TEST_CASE("a group keeps its promises whatever happens, in any order") {
  std::map<status, int> seen;
  const auto range = seeds(6000);
  for (auto seed = range.first; seed < range.first + range.count; ++seed)
    ++seen[live_through(seed, {}, 20)];
  if (range.count > 1) {
    CHECK(seen[status::completed] > 100);
    CHECK(seen[status::failed] > 100);
    CHECK(seen[status::failed_canceled] > 100);
    CHECK(seen[status::failed_evicted] > 10);
    CHECK(seen[status::failed_exec_timeout] > 10);
    CHECK(seen[status::failed_queue_timeout] > 2);
  }
}

TEST_CASE("a group that is cut off by crashes still ends, and starts no attempt twice") {
  trouble what;
  what.crash = 3;
  std::map<status, int> seen;
  const auto range = seeds(6000);
  for (auto seed = range.first; seed < range.first + range.count; ++seed)
    ++seen[live_through(seed, what, 10)];
  if (range.count > 1)
    CHECK(seen[status::completed] > 100);
}

TEST_CASE("without trouble, exits and retries alone decide") {
  const auto range = seeds(3000);
  for (auto seed = range.first; seed < range.first + range.count; ++seed) {
    const auto s = live_through(seed, {0, 0, 0, 0, 0, 0, 0, 0}, 0);
    INFO("MUSTER_TEST_SEED=" << seed << ' ' << to_string(s));
    CHECK((s == status::completed || s == status::failed || s == status::failed_evicted));
  }
}
