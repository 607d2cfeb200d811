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
  extras_ptr extras;
  std::uint32_t position = 0; ///< Among the members of its group, and so in `extras`.
  executor_actor executor;    ///< Where its newest attempt lives.
};

/// Turns the GROUP's decisions about one member into calls of the EXECUTOR, and reports into messages to the GROUP.
/// An attempt that ended well with something that is no result is reported as one that ended with
/// `exit_code_bad_result`. Ends with the GROUP.
task_actor::behavior_type task(task_actor::stateful_pointer<task_state> self, context_ptr context, task_index index,
                               group_actor group, extras_ptr extras);

} // namespace muster
