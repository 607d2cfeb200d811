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
    const bool too_large = policy.workflow_bytes != 0 && left.bytes > policy.workflow_bytes;
    if (!too_old && !too_many && !too_large)
      break;
    left.count -= std::min<std::uint64_t>(left.count, 1);
    left.bytes -= std::min(left.bytes, x.bytes);
    ++gone;
  }
  return gone;
}

sequence last_expired(const retention_policy& policy, sequence latest, sequence aged) noexcept {
  sequence out = policy.event_age > duration{} ? aged : sequence{};
  if (policy.event_count != 0 && latest.value > policy.event_count)
    out.value = std::max(out.value, latest.value - policy.event_count);
  return {std::min(out.value, latest.value)};
}

} // namespace muster::store
