#pragma once

#include "placement/fair_share.hpp"
#include "placement/gpu_quotas.hpp"
#include "placement/queue_lines.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <tuple>
#include <vector>

namespace muster {

/// Goes through the fronts of all lines in the order in which they are served: overdue ones by their arrival; then
/// HIGH, NORMAL and LOW, each raised by age. Within one of those the quota comes first that borrowed least for its
/// weight, then the user with the smallest share, then the arrival. Private to placement.
class candidates {
public:
  candidates(queue_lines& lines, const gpu_quotas& quotas, const fair_share& shares, std::chrono::seconds age_step);

  /// Begins anew, as of `now`.
  void start(queue_time now);
  /// The next line; nothing at the end.
  [[nodiscard]] std::optional<std::uint32_t> next();
  /// The line that `next` gave has another front now, and its user more.
  void granted();

  /// 0 for overdue, else 1 for HIGH to 3 for LOW, raised by the age of what waits since then.
  [[nodiscard]] int level_of(gang_priority x, queue_time since, queue_time now) const;

private:
  /// Quota's ratio, share, arrival, user: the smallest comes first.
  using rank = std::tuple<double, double, std::uint64_t, std::uint32_t>;

  void begin_level();
  [[nodiscard]] std::optional<std::size_t> best_of(std::uint32_t user);
  void push(std::uint32_t user);

  queue_lines& lines_;
  const gpu_quotas& quotas_;
  const fair_share& shares_;
  std::chrono::seconds age_step_;
  queue_time now_;
  int level_ = 0;
  std::vector<std::array<std::size_t, 3>> cursors_; ///< Positions in their fronts, by user.
  std::vector<rank> ranks_;                         ///< A heap of users that have candidates at this level.
  std::uint32_t user_ = 0;                          ///< Whose line `next` gave.
};

} // namespace muster
