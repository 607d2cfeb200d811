#pragma once

#include "actors/context.hpp"
#include "actors/group.hpp"
#include "muster/state/frontier.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace muster {

/// What a WORKFLOW takes up after a restart.
struct workflow_restore {
  std::vector<status> groups;                     ///< One per group of the plan, as recorded.
  std::map<std::uint32_t, group_restore> members; ///< Of groups that had begun and not ended, by their index.
  bool cancel_requested = false;
  std::string cancel_message;
  muster::status recorded = muster::status::pending; ///< Of the workflow.
  std::shared_ptr<first_attempts> attempts_from;     ///< Null if no task is run once more.
  /// Of a flow: what it is run by, null for others, and the results of its tasks, by their numbers.
  std::shared_ptr<const spec::workflow> definition;
  std::unordered_map<std::uint32_t, std::string> results;
  workflow_terms terms;
};

/// State of a WORKFLOW: how far it has come, and its admitted groups.
struct workflow_state {
  static inline const char* name = "workflow";
  /// Admitted groups that do not run yet: enough to keep intents ahead of capacity, few enough to bound memory.
  static constexpr std::size_t window = 1024;

  struct admitted_group {
    group_actor actor;
    bool running = false;
  };

  context_ptr context;
  registry_actor registry;
  std::optional<frontier> front;
  std::unordered_map<std::uint32_t, admitted_group> admitted;
  std::size_t not_running = 0;       ///< Of `admitted`.
  status recorded = status::pending; ///< The workflow's status in the store.
  bool ended = false;
};

/// One live workflow.
workflow_actor::behavior_type workflow(workflow_actor::stateful_pointer<workflow_state> self, context_ptr context,
                                       registry_actor registry, const std::shared_ptr<workflow_restore>& restore);

} // namespace muster
