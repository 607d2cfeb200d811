#pragma once

#include "muster/base/ids.hpp"
#include "muster/base/time.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// What is kept, and for how long: pure functions of what there is.
namespace muster::store {

/// Zero: no limit.
struct retention_policy {
  duration workflow_age{};          ///< Since the end of a workflow.
  std::uint64_t workflow_count = 0; ///< Finished ones.
  std::int64_t workflow_bytes = 0;  ///< Of their logs and outputs.
  duration event_age{};
  std::uint64_t event_count = 0;
  duration audit_age{};
};

/// A workflow that has ended, as the policy looks at it.
struct finished_workflow {
  workflow_key key;
  std::string id; ///< `<name>-<n>`
  timestamp ended{};
  std::int64_t bytes = 0; ///< 0 while it is not measured.
};

/// All workflows that have ended.
struct finished_totals {
  std::uint64_t count = 0;
  std::int64_t bytes = 0;
};

/// How many of `oldest`, which are the ones that ended first, in that order, are to go now.
[[nodiscard]] std::size_t count_expired(const retention_policy& policy, const finished_totals& all,
                                        const std::vector<finished_workflow>& oldest, timestamp now) noexcept;

/// The last event that is to go; 0 for none. `aged` is the last one that is older than `event_age` allows.
[[nodiscard]] sequence last_expired(const retention_policy& policy, sequence latest, sequence aged) noexcept;

/// Whether the wall clock can be believed when something is to be removed for its age: a clock that is set wrongly for
/// a while must not empty the store. After a leap, and after a start long after the last event, an hour has to pass
/// first.
class clock_judge {
public:
  using steady_time = std::chrono::steady_clock::time_point;

  /// What both clocks say now; `last` is when the last event was. To be asked every few minutes.
  [[nodiscard]] bool believes(timestamp wall, steady_time now, timestamp last);

private:
  std::optional<timestamp> wall_; ///< As of `at_`.
  steady_time at_{};
  std::optional<steady_time> doubted_since_;
};

} // namespace muster::store
