#pragma once

#include "actors/context.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <string>

namespace muster {

/// State of a NODE: one machine, and the EXECUTOR that runs attempts on it.
struct node_state_data {
  static inline const char* name = "node";
  std::string host;
  capabilities offered;
  executor_actor executor;
};

/// What the machine of the runtime itself is called among the nodes.
constexpr auto own_node = "local";

/// A machine called `host`, whose `executor` offers `offered`. Owns the EXECUTOR: when the NODE ends, so does it.
node_actor::behavior_type node(node_actor::stateful_pointer<node_state_data> self, std::string host,
                               capabilities offered, executor_actor executor);

} // namespace muster
