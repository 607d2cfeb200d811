#pragma once

#include "actors/context.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace muster {

/// State of a TASK: one member of an admitted group.
struct task_state {
  static inline const char* name = "task";
  context_ptr context;
  task_index index;
  group_actor group;
  executor_actor executor; ///< Where its newest attempt lives.
};

/// Turns the GROUP's decisions about one member into calls of the EXECUTOR, and reports into messages to the GROUP.
/// Ends with the GROUP.
task_actor::behavior_type task(task_actor::stateful_pointer<task_state> self, context_ptr context, task_index index,
                               group_actor group);

} // namespace muster
