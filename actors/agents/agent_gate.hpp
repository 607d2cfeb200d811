#pragma once

#include "actors/agents/fleet.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <functional>
#include <map>
#include <string>

namespace muster::agent {

/// How the GATE is set up.
struct gate_setup {
  std::map<std::string, fleet_actor> fleets; ///< By pool.
  /// Whether whoever says `hello` may join as that node; called on the GATE's thread, may block for a short time.
  std::function<result<void>(const hello&)> admit;
};

/// State of the GATE.
struct gate_state {
  static inline const char* name = "agent_gate";
  gate_setup setup;
};

/// Where agents connect: asks the FLEET of their pool for those who may join, and answers itself, so that they hear of
/// no other actor than their LINK. To be spawned detached if `admit`
/// reads.
gate_actor::behavior_type agent_gate(gate_actor::stateful_pointer<gate_state> self, gate_setup setup);

} // namespace muster::agent
