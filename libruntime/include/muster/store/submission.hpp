#pragma once

#include "muster/base/ids.hpp"
#include "muster/base/time.hpp"
#include "muster/event/event.hpp"
#include "muster/placement/queue_policy.hpp"
#include "muster/state/status.hpp"
#include "muster/store/service.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace muster::store {

/// The largest result of one task that a store takes. Drivers have a tighter bound.
constexpr std::size_t max_result_bytes = std::size_t{16} << 20U;

/// The most tasks that one workflow may have, and the most groups.
constexpr std::size_t max_tasks_per_workflow = std::size_t{1} << 23U;

/// A group to be stored; its position is its `group_index`, counted from the first one of its growth.
struct new_group {
  std::string_view name;
  bool barrier = true;
  bool ignore_nonlead_status = true;
  std::vector<group_index> upstream;
  status initial = status::waiting;
};

/// A task to be stored; its position is its `task_index`, likewise. The tasks of a group are neighbours, groups in
/// their order.
struct new_task {
  std::string_view name;
  group_index group;
  bool lead = false;
  std::string_view request; ///< What it needs of its node, as JSON. Equal texts are stored once per workflow.
  std::string_view body;    ///< The rest of the task, as JSON. Likewise.
  status initial = status::waiting;
};

/// A workflow to be stored, laid out. The views must live until `writer::submit` has returned.
struct submission {
  timestamp time{}; ///< Of the submission; also of its event.
  std::string name;
  std::string user; ///< Who submits; empty where nobody is told apart.
  gang_priority priority = gang_priority::normal;
  std::map<std::string, std::string> labels;
  std::string pool;
  std::string driver; ///< See `workflow_record::driver`.
  std::string profile;
  std::string options; ///< JSON of how it was submitted.
  std::string_view spec_text;
  /// JSON of what decides how the workflow grows while it runs. Empty: it does not grow, and must have groups.
  std::string flow;
  std::optional<duration> exec_timeout;
  std::optional<duration> queue_timeout;
  status initial = status::pending;
  std::vector<new_group> groups;
  std::vector<new_task> tasks;
  /// Set: what was accepted under this key less than `idempotency_span` ago is answered instead of storing anything.
  std::optional<idempotency_key> once{};
};

/// Groups and tasks that come to a stored workflow while it runs. Numbers of groups and tasks, also those within rows,
/// are the workflow's. The views must live until `writer::grow` has returned.
struct growth {
  workflow_key workflow;
  group_index first_group; ///< Number of the first of `groups`: how many the workflow had.
  task_index first_task;   ///< Likewise.
  std::vector<new_group> groups;
  std::vector<new_task> tasks;
};

/// What became of a submission; it counts from `writer::commit` on.
struct submitted_workflow {
  workflow_key key;
  std::string id;         ///< `<name>-<n>`; n counts per name and is never used again.
  event fact;             ///< Its `workflow_submitted` event, numbered.
  bool is_replay = false; ///< It was accepted before under the same key: nothing was stored, and `fact` is empty.
};

} // namespace muster::store
