#pragma once

#include "muster/base/ids.hpp"
#include "muster/base/time.hpp"
#include "muster/state/status.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace muster {

/// What kind of fact an event records. Stored: numbers never change.
enum class event_type : std::uint8_t {
  unspecified = 0,
  /// A workflow was accepted; its plan and all its rows exist from here on.
  workflow_submitted = 1,
  /// A workflow's status changed.
  workflow_status = 2,
  /// A cancel was accepted; `text` is the user's message.
  workflow_cancel_requested = 3,
  /// A stopped workflow was taken up again.
  workflow_resumed = 4,
  // 5 is kept for growth, should monitors ever need to hear of it.
  /// A finished workflow is PENDING again, so that tasks of it can be run once more; `text` says why. A cancel that was
  /// requested before counts no more.
  workflow_retried = 6,
  /// A finished workflow was deleted, with its groups, tasks, logs and outputs; `text` says why. Its last event.
  workflow_deleted = 7,
  /// A group of two or more changed its status. A group of one has no such events: its task's status is its own.
  group_status = 10,
  /// A finished group of two or more is WAITING again.
  group_reopened = 11,
  /// An attempt of a task changed its status. PROCESSING of a new number creates the attempt: it is the intent to
  /// start.
  task_status = 20,
  /// A finished task is WAITING again: its attempts are kept, its result is not. Its next attempt has the next number.
  task_reopened = 21,
};

/// Whether events of this type are about one task.
[[nodiscard]] constexpr bool is_of_task(event_type type) noexcept {
  return type == event_type::task_status || type == event_type::task_reopened;
}

/// Whether events of this type are about a group, or a task in one.
[[nodiscard]] constexpr bool is_of_group(event_type type) noexcept {
  return type == event_type::group_status || type == event_type::group_reopened || is_of_task(type);
}

/// `workflow.submitted`, `task.status`: the type as monitors see it.
[[nodiscard]] std::string_view to_string(event_type type) noexcept;

/// GPU indices as events and rows keep them: `0,1`; empty for none.
[[nodiscard]] std::string gpus_to_text(const std::vector<std::uint32_t>& indices);

/// The inverse; what is no number is left out.
[[nodiscard]] std::vector<std::uint32_t> gpus_from_text(std::string_view text);

/// No exit code is known.
constexpr std::int32_t no_exit_code = -1;

/// One committed fact. Flat, so that a million of them cost little; fields that a type does not use are at their
/// default.
struct event {
  sequence seq; ///< Given by the journal at commit; 0 before.
  timestamp time{};
  event_type type = event_type::unspecified;
  workflow_key workflow;
  group_index group;
  task_index task;
  std::uint32_t attempt = 0;
  muster::status status = muster::status::unspecified;
  std::int32_t exit_code = no_exit_code;
  epoch lease;         ///< The lease under which it happened; 0 for none.
  std::string text;    ///< Why, for people: "waiting for 2 CPUs", "Lead task finished".
  std::string node;    ///< Where, from INITIALIZING on.
  std::string address; ///< The task's address within its group, from INITIALIZING on.
  std::string gpus;    ///< Leased GPU indices, `0,1`, from INITIALIZING on; empty for none.
  /// What the task gave as its result, JSON; empty for none. Only with the end of a task. It becomes durable with the
  /// event, but is kept beside it: events that are read or passed on to subscribers have none.
  std::string result;
};

} // namespace muster
