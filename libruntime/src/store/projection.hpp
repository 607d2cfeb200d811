#pragma once

#include "muster/base/result.hpp"
#include "muster/event/event.hpp"
#include "muster/store/submission.hpp"
#include "sqlite.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>

/// What an event does to the rows it is about, and which events are refused. Pure. Private to the store.
namespace muster::store {

/// Microseconds since 1970; 0 for a time that has not come.
using micros = std::int64_t;

[[nodiscard]] inline micros to_micros(timestamp t) noexcept {
  return t.time_since_epoch().count();
}
[[nodiscard]] inline timestamp from_micros(micros t) noexcept {
  return timestamp{duration{t}};
}

/// A column that may be NULL.
[[nodiscard]] inline std::optional<timestamp> time_at(const sqlite::statement& q, int column) noexcept {
  return q.null(column) ? std::nullopt : std::optional{from_micros(q.integer(column))};
}

/// When each stage was first reached, in the order of the columns: processing, scheduling, initializing, running,
/// ended.
using stages = std::array<micros, 5>;
constexpr std::size_t running_stage = 3;
constexpr std::size_t ended_stage = 4;

struct workflow_state {
  std::uint32_t groups = 0;
  std::uint32_t tasks = 0;
  muster::status status = muster::status::unspecified;
  micros started = 0;
  micros ended = 0;
  micros cancel_requested = 0;
  std::int64_t last_seq = 0; ///< Of its last event, once it is finished.
  std::string reason;
  std::string cancel_message;
  bool dirty = false;
};

struct group_state {
  std::uint32_t tasks = 0;
  muster::status status = muster::status::unspecified;
  stages times{};
  std::string reason;
  bool dirty = false;
};

/// No attempt was made yet.
constexpr std::int64_t no_attempt = -1;

struct task_state {
  std::uint32_t group = 0;
  std::uint32_t first_attempt = 0; ///< Of those since the task was last reopened; 0 if it never was.
  std::int64_t attempt = no_attempt;
  muster::status status = muster::status::unspecified;
  bool archived = false; ///< The latest attempt has its own row, which is the truth on it.
  bool dirty = false;
  std::int32_t exit_code = no_exit_code;
  std::uint64_t lease = 0;
  stages times{};
  std::string reason;
  std::string node;
  std::string address;
  std::string gpus;
};

/// Applies a `workflow_*` event. Fails with `conflict` or `invalid_argument`, and then changes nothing; as below.
[[nodiscard]] result<void> apply(workflow_state& row, const event& x);

/// Counts the rows of a growth.
[[nodiscard]] result<void> apply(workflow_state& row, const growth& x);

/// Applies a `group_status` or `group_reopened` event. `workflow` is its workflow's row.
[[nodiscard]] result<void> apply(group_state& row, const workflow_state& workflow, const event& x);

/// What a task's event asks for beside the change of its row.
enum class task_change : std::uint8_t {
  none = 0,
  archive = 1, ///< The attempt has ended and another may follow: its row is to be kept, of RESCHEDULED as it is now,
               ///< of a task that was reopened as it was before.
};

/// Applies a `task_status` or `task_reopened` event. `workflow` is its workflow's row.
[[nodiscard]] result<task_change> apply(task_state& row, const workflow_state& workflow, const event& x);

} // namespace muster::store
