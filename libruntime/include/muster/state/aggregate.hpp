#pragma once

#include "muster/base/array_view.hpp"
#include "muster/state/status.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace muster {

/// How many things are in which status.
class status_counts {
public:
  void add(status s) noexcept { ++counts_[index(s)]; }
  void remove(status s) noexcept { --counts_[index(s)]; }
  [[nodiscard]] std::uint32_t of(status s) const noexcept { return counts_[index(s)]; }
  /// COMPLETED, SKIPPED or FAILED in any way.
  [[nodiscard]] std::uint32_t finished() const noexcept;
  /// FAILED in any way.
  [[nodiscard]] std::uint32_t failed() const noexcept;
  [[nodiscard]] std::uint32_t unfinished() const noexcept { return total() - finished(); }
  [[nodiscard]] std::uint32_t total() const noexcept;

private:
  static constexpr std::size_t size = static_cast<std::size_t>(status::failed_submission) + 1;
  [[nodiscard]] static constexpr std::size_t index(status s) noexcept {
    const auto i = static_cast<std::size_t>(s);
    return i < size ? i : 0;
  }

  std::array<std::uint32_t, size> counts_{};
};

/// A group's status from those of its tasks (the newest attempt of each), by OSMO's rule:
/// RUNNING once a task runs or has ended, INITIALIZING before; when all have ended, FAILED_UPSTREAM,
/// FAILED_SERVER_ERROR and FAILED_PREEMPTED of any task go first; then only the lead counts if `ignore_nonlead_status`,
/// else all: FAILED_EVICTED, then FAILED, else COMPLETED. `lead` is a position in `tasks`.
[[nodiscard]] status aggregate_group(bool ignore_nonlead_status, std::size_t lead, array_view<status> tasks) noexcept;

/// A workflow's status from those of its groups: RUNNING or PENDING while one is unfinished; else FAILED_CANCELED,
/// FAILED_SERVER_ERROR, FAILED_EXEC_TIMEOUT, FAILED_QUEUE_TIMEOUT in this order; else what all failed groups share, not
/// counting FAILED_UPSTREAM, or FAILED; else COMPLETED.
[[nodiscard]] status aggregate_workflow(const status_counts& groups) noexcept;

/// The same over a list.
[[nodiscard]] status aggregate_workflow(array_view<status> groups) noexcept;

/// The status of a group of one from that of its task's newest attempt: statuses that are written to a group directly
/// (up to INITIALIZING, cancel and timeouts) as they are, RESCHEDULED as RUNNING, all others aggregated.
[[nodiscard]] status recorded_group_status(status task) noexcept;

} // namespace muster
