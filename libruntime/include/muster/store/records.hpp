#pragma once

#include "muster/base/ids.hpp"
#include "muster/base/time.hpp"
#include "muster/event/event.hpp"
#include "muster/placement/queue_policy.hpp"
#include "muster/state/group_effect.hpp"
#include "muster/state/status.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

/// What readers of the store get. A time that is not set has not come, or never will.
namespace muster::store {

struct workflow_record {
  workflow_key key;
  std::string id; ///< `<name>-<n>`
  std::string name;
  std::string user; ///< Who submitted it; may be empty.
  gang_priority priority = gang_priority::normal;
  std::map<std::string, std::string> labels;
  std::string pool;
  std::string driver; ///< Those that its tasks were given to last, such as `docker,process`; empty if nobody knows.
  std::string profile;
  std::string options; ///< JSON of how it was submitted.
  std::optional<duration> exec_timeout;
  std::optional<duration> queue_timeout;
  std::uint32_t groups = 0; ///< How many.
  std::uint32_t tasks = 0;  ///< How many.
  muster::status status = muster::status::unspecified;
  std::string reason;                 ///< Of its last change of status.
  std::optional<timestamp> submitted; ///< Always set.
  std::optional<timestamp> started;   ///< First RUNNING.
  std::optional<timestamp> ended;
  std::optional<timestamp> cancel_requested;
  std::string cancel_message;
  std::optional<std::int64_t> bytes; ///< What its folder holds; measured some time after its end.
};

/// When a group or an attempt first was in each status.
struct stage_times {
  std::optional<timestamp> processing;
  std::optional<timestamp> scheduling;
  std::optional<timestamp> initializing;
  std::optional<timestamp> running; ///< Its start.
  std::optional<timestamp> ended;
};

struct group_record {
  group_index index;
  std::string name;
  bool barrier = true;
  bool ignore_nonlead_status = true;
  task_index first_task;
  std::uint32_t tasks = 0; ///< How many, from `first_task` on.
  muster::status status = muster::status::unspecified;
  stage_times times;
  std::string reason;                   ///< Of its last change of status.
  std::optional<stop_purpose> stopping; ///< What attempts of it were told to end for, last; some may have ended since.
};

/// One execution of a task.
struct attempt_record {
  std::uint32_t number = 0;
  muster::status status = muster::status::unspecified;
  std::int32_t exit_code = no_exit_code;
  stage_times times;
  std::string reason;
  std::string node;
  std::string address;
  std::string gpus; ///< Leased indices, `0,1`; empty for none.
  epoch lease;
};

struct task_record {
  task_index index;
  group_index group;
  std::string name;
  bool lead = false;
  muster::status status = muster::status::unspecified;
  std::string reason;                    ///< Of its last change of status.
  std::optional<timestamp> ended;        ///< When the task was over, after all attempts.
  std::optional<attempt_record> attempt; ///< The latest; none if none was made.
  std::uint32_t first_attempt = 0;       ///< The number that began when the task was last reopened; 0 if it never was.
};

/// The parts of a task that never change.
struct task_body {
  task_index index;
  std::string request; ///< As submitted.
  std::string body;    ///< As submitted.
};

/// What a task gave as its result.
struct task_result_record {
  task_index index;
  std::string text; ///< JSON.
};

/// An event with the names that people know.
struct named_event {
  event fact;
  std::string workflow; ///< Id, `<name>-<n>`; also of a workflow that was deleted since.
  std::string group;    ///< Empty where the type has none.
  std::string task;     ///< Empty where the type has none.
  std::string user{};   ///< Whose the workflow is.
};

} // namespace muster::store
