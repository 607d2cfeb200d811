#pragma once

#include "actors/context.hpp"
#include "actors/workflow.hpp"
#include "muster/flow/machine.hpp"
#include "muster/plan/chunk_builder.hpp"
#include "muster/spec/flow.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace muster {

/// State of a WORKFLOW whose groups are decided on while it runs.
struct flow_workflow_state {
  static inline const char* name = "workflow";

  struct admitted_group {
    group_actor actor;
    std::uint32_t gang = 0; ///< The machine's number for it.
    bool running = false;
  };
  /// Of a step that was recorded before a restart.
  struct recorded_row {
    group_index group;
    status last = status::waiting;
    bool taken = false; ///< By a GROUP of this runtime.
  };

  context_ptr context; ///< Its layout is what was recorded before a restart.
  registry_actor registry;
  std::shared_ptr<const spec::workflow> definition;
  std::optional<flow::machine> machine;
  std::optional<chunk_builder> chunks;
  group_index next_group;
  task_index next_task;
  std::unordered_map<std::uint32_t, admitted_group> admitted;  ///< By group.
  std::unordered_map<std::uint32_t, std::uint32_t> group_of;   ///< By gang.
  std::unordered_map<std::string, recorded_row> recorded_rows; ///< By the group's name.
  std::shared_ptr<workflow_restore> restore;                   ///< Until all that was recorded is taken up.
  std::size_t not_running = 0;                                 ///< Of `admitted`.
  status recorded = status::pending;                           ///< The workflow's status in the store.
  bool canceling = false;           ///< It was cancelled before a restart, and that is told when all is taken up.
  std::vector<flow::gang> withheld; ///< While that is so: what would begin.
  bool ended = false;
};

/// One live workflow that uses `foreach`, nesting, conditions or loops: carries out what its `flow::machine` decides.
workflow_actor::behavior_type flow_workflow(workflow_actor::stateful_pointer<flow_workflow_state> self,
                                            context_ptr context, registry_actor registry,
                                            std::shared_ptr<const spec::workflow> definition,
                                            std::shared_ptr<workflow_restore> restore);

} // namespace muster
