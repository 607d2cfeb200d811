#pragma once

#include "actors/cache.hpp"
#include "actors/context.hpp"
#include "actors/group.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <memory>
#include <optional>
#include <string>

namespace muster {

/// What the spec says of a task that is marked `cache`.
struct cache_wish {
  std::string step; ///< The name of its step.
  std::string key;  ///< See `cache_question`.
};

/// State of a CACHED GROUP.
struct cached_group_state {
  static inline const char* name = "cached group";

  context_ptr context;
  group_index index;
  task_index task;
  std::uint32_t attempt = 0; ///< That would be made.
  workflow_actor workflow;
  std::optional<group_restore> restore;
  extras_ptr extras;
  cache_wish wish;
  group_actor real;                                   ///< Once it is run.
  std::optional<std::pair<std::string, bool>> cancel; ///< Came before it was decided.
  bool asking = false;                                ///< The CACHE has a question.
  bool ended = false;
  bool taking = false; ///< Its end is on its way.
  workflow_actor witness;
};

/// Stands before a GROUP of one task that is marked `cache`: it ends the task with the result of one like it, or else
/// spawns the GROUP, to which it hands on what comes for it.
group_actor::behavior_type cached_group(group_actor::stateful_pointer<cached_group_state> self, context_ptr context,
                                        group_index index, workflow_actor workflow,
                                        std::optional<group_restore> restore, extras_ptr extras, cache_wish wish);

} // namespace muster
