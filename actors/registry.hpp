#pragma once

#include "actors/context.hpp"
#include "actors/workflow.hpp"
#include "muster/config/pool_policy.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

namespace muster {

/// What the REGISTRY gives each WORKFLOW.
struct registry_services {
  store::state_directory directory;
  journal_actor journal;
  std::function<pool_actor(const std::string&)> pool_of; ///< By the name that a workflow is stored with; null if none.
  clock_actor clock;
  std::function<group_policy()> policy; ///< Of workflows from now on; a pool's rules and a spec replace parts of it.
  failure_handler on_failure;
  cache_actor cache{};
  std::shared_ptr<meters> counted{};
  /// The rules of a pool, by its name; null for none.
  std::function<std::shared_ptr<const config::pool_policy>(const std::string&)> rules{};
  presence actors_of_workflows{};
};

/// State of the REGISTRY: live workflows.
struct registry_state {
  static inline const char* name = "registry";

  std::shared_ptr<registry_services> services;
  std::unordered_map<workflow_key, workflow_actor> live;
  /// Who waits for the end of one.
  std::unordered_multimap<workflow_key, caf::typed_response_promise<sequence>> waiting;
};

/// Accepts submissions and owns workflow actors.
registry_actor::behavior_type registry(registry_actor::stateful_pointer<registry_state> self,
                                       std::shared_ptr<registry_services> services);

} // namespace muster
