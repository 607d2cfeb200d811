#include "muster/store/retention.hpp"

#include <algorithm>

namespace muster::store {

std::size_t count_expired(const retention_policy& policy, const finished_totals& all,
                          const std::vector<finished_workflow>& oldest, timestamp now) noexcept {
  auto left = all;
  std::size_t gone = 0;
  for (const auto& x : oldest) {
    const bool too_old = policy.workflow_age > duration{} && now - x.ended > policy.workflow_age;
    const bool too_many = policy.workflow_count != 0 && left.count > policy.workflow_count;
    // The one that ended last stays: a large result is not to go before anybody saw it.
    const bool too_large = policy.workflow_bytes != 0 && left.bytes > policy.workflow_bytes && left.count > 1;
    if (!too_old && !too_many && !too_large)
      break;
    left.count -= std::min<std::uint64_t>(left.count, 1);
    left.bytes -= std::min(left.bytes, x.bytes);
    ++gone;
  }
  return gone;
}

bool clock_judge::believes(timestamp wall, steady_time now, timestamp last) {
  constexpr duration likely_pause = std::chrono::hours{24};
  constexpr duration most_drift = std::chrono::minutes{10};
  constexpr std::chrono::hours doubt{1};
  const auto leap = [&] {
    if (!wall_)
      return wall > last + likely_pause;
    const auto drift = wall - (*wall_ + std::chrono::duration_cast<duration>(now - at_));
    return drift > most_drift || drift < -most_drift;
  };
  if (leap())
    doubted_since_ = now;
  wall_ = wall;
  at_ = now;
  if (doubted_since_ && now - *doubted_since_ >= doubt)
    doubted_since_.reset();
  return !doubted_since_;
}

sequence last_expired(const retention_policy& policy, sequence latest, sequence aged) noexcept {
  sequence out = policy.event_age > duration{} ? aged : sequence{};
  if (policy.event_count != 0 && latest.value > policy.event_count)
    out.value = std::max(out.value, latest.value - policy.event_count);
  return {std::min(out.value, latest.value)};
}

} // namespace muster::store
