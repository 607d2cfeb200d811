#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace muster {

/// The status of a workflow, group or task. Stored and sent: numbers never change. Names and meanings are OSMO's.
enum class status : std::uint8_t {
  unspecified = 0,
  pending = 1,      ///< Workflow: nothing of it runs yet.
  submitting = 2,   ///< Being recorded.
  waiting = 3,      ///< Upstream groups are not done.
  processing = 4,   ///< Upstream is done; the attempt is being made.
  scheduling = 5,   ///< Queued for capacity.
  initializing = 6, ///< Placed; inputs, image and files are being prepared, or the barrier is closed.
  running = 7,
  completed = 20,
  rescheduled = 21, ///< Task attempt only: ended, and a next attempt follows.
  skipped = 22,     ///< Task or group: its condition did not hold, so it was not run. Muster's own; not in OSMO.
  failed = 30,
  failed_canceled = 31,
  failed_server_error = 32,
  failed_backend_error = 33,
  failed_exec_timeout = 34,
  failed_queue_timeout = 35,
  failed_image_pull = 36,
  failed_upstream = 37,
  failed_evicted = 38,
  failed_start_error = 39,
  failed_start_timeout = 40,
  failed_preempted = 41,
  failed_submission = 42, ///< Workflow only.
};

/// OSMO's spelling: `RUNNING`, `FAILED_EXEC_TIMEOUT`.
[[nodiscard]] std::string_view to_string(status s) noexcept;

/// The inverse of `to_string`, exact case.
[[nodiscard]] std::optional<status> parse_status(std::string_view text) noexcept;

/// COMPLETED, RESCHEDULED, SKIPPED or any FAILED status: an attempt in it never changes again.
[[nodiscard]] constexpr bool is_finished(status s) noexcept {
  return s >= status::completed;
}

/// COMPLETED, SKIPPED or any FAILED status: a task or group in it never changes again.
[[nodiscard]] constexpr bool is_group_finished(status s) noexcept {
  return is_finished(s) && s != status::rescheduled;
}

/// Any FAILED status.
[[nodiscard]] constexpr bool is_failed(status s) noexcept {
  return s >= status::failed;
}

} // namespace muster
