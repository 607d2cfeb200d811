#include "support/catch.hpp"

#include "unit/state/frontier_support.hpp"
#include "unit/state/group_world.hpp"
#include "unit/state/seed.hpp"

#include "muster/state/frontier.hpp"

#include <map>
#include <memory>

using namespace muster;
using namespace muster::test;

namespace {

/// Random DAG: an edge goes from a lower to a higher number.
std::shared_ptr<const plan> random_plan(dice& d) {
  std::vector<std::vector<std::uint32_t>> upstream(1 + d.below(30));
  const auto density = d.below(40);
  for (std::uint32_t i = 0; i < upstream.size(); ++i)
    for (std::uint32_t u = 0; u < i; ++u)
      if (d.chance(density))
        upstream[i].push_back(u);
  return plan_of(upstream);
}

group_setup setup_of(dice& d, std::uint32_t number) {
  auto policy = std::make_shared<group_policy>();
  policy->backoff.first = duration::zero();
  group_setup setup;
  setup.first_task = task_index{number * 10};
  setup.members.resize(d.chance(60) ? 1 : 1 + d.below(4));
  setup.barrier = setup.members.size() > 1 && d.chance(50);
  setup.ignore_nonlead_status = d.chance(50);
  setup.policy = std::move(policy);
  for (auto& m : setup.members)
    m.exit_actions = {{spec::exit_action::reschedule, {{7, 7}}, "7"},
                      {spec::exit_action::complete, {{1, 137}}, "1-137"}};
  return setup;
}

/// One workflow: its frontier and the machines of its admitted groups, stepped in any order.
class workflow_world {
public:
  explicit workflow_world(std::uint64_t seed) : dice_(seed), plan_(random_plan(dice_)), front_(plan_) {}

  status run() {
    const bool to_cancel = dice_.chance(20);
    const auto cancel_at = dice_.below(200);
    for (std::uint64_t step = 0; !front_.done(); ++step) {
      REQUIRE(step < 100'000);
      if (to_cancel && step == cancel_at)
        cancel();
      if (front_.done())
        break;
      admit();
      REQUIRE_FALSE(live_.empty());
      auto at = std::next(live_.begin(), static_cast<std::ptrdiff_t>(dice_.below(live_.size())));
      at->second->step();
      settle(at);
      if (dice_.chance(2))
        rebuild_agrees();
    }
    REQUIRE(live_.empty());
    REQUIRE_FALSE(front_.pop_ready());
    return front_.workflow_status();
  }

private:
  using live_map = std::map<std::uint32_t, std::unique_ptr<group_world>>;

  void admit() {
    while (live_.size() < 5) {
      const auto next = front_.pop_ready();
      if (!next)
        return;
      for (const auto u : plan_->upstream(*next))
        REQUIRE(front_.group_status(u) == status::completed);
      REQUIRE(admitted_.emplace(next->value, true).second);
      live_.emplace(next->value,
                    std::make_unique<group_world>(setup_of(dice_, next->value), trouble{}, dice_.below(1U << 30U)));
    }
  }

  void settle(live_map::iterator at) {
    const group_index g{at->first};
    if (!at->second->done())
      return front_.on_group_status(g, at->second->machine().group_status());
    const auto outcome = at->second->group_status();
    live_.erase(at);
    for (const auto f : front_.on_group_finished(g, outcome)) {
      REQUIRE(front_.group_status(f) == status::failed_upstream);
      REQUIRE(admitted_.count(f.value) == 0);
    }
    REQUIRE(front_.group_status(g) == outcome);
  }

  void cancel() {
    for (const auto c : front_.cancel())
      REQUIRE(admitted_.count(c.value) == 0);
    for (auto at = live_.begin(); at != live_.end();) {
      const auto here = at++;
      here->second->cancel(dice_.chance(30));
      settle(here);
    }
  }

  /// What the rows say gives the same frontier.
  void rebuild_agrees() {
    std::vector<status> rows;
    for (std::uint32_t i = 0; i < plan_->group_count(); ++i) {
      const auto s = front_.group_status(group_index{i});
      rows.push_back(admitted_.count(i) == 0 && !is_finished(s) ? status::waiting : s);
    }
    auto again = frontier::rebuild(plan_, rows);
    REQUIRE(again.upstream_failed.empty());
    REQUIRE(again.begun.size() == live_.size());
    REQUIRE(again.front.done() == front_.done());
    REQUIRE(again.front.ready_count() == front_.ready_count());
  }

  dice dice_;
  std::shared_ptr<const plan> plan_;
  frontier front_;
  live_map live_;
  std::map<std::uint32_t, bool> admitted_;
};

} // namespace

TEST_CASE("a random workflow always ends, and each of its groups once") {
  std::map<status, int> seen;
  const auto range = seeds(500);
  for (auto seed = range.first; seed < range.first + range.count; ++seed) {
    INFO("MUSTER_TEST_SEED=" << seed);
    ++seen[workflow_world{seed}.run()];
  }
  if (range.count > 1) {
    CHECK(seen[status::completed] > 10);
    CHECK(seen[status::failed] > 10);
    CHECK(seen[status::failed_canceled] > 10);
  }
}
