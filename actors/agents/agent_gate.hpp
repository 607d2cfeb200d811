#pragma once

#include "actors/agents/fleet.hpp"
#include "actors/agents/kept_actor.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <functional>
#include <map>
#include <string>

namespace muster::agent {

/// A pool that agents can join.
struct joinable_pool {
  fleet_actor fleet;
  /// What its nodes carry. An agent that names no pool joins the one that asks for most of what it carries.
  std::map<std::string, std::string> node_labels{};
};
using joinable_pools = std::map<std::string, joinable_pool>;

/// How the GATE is set up.
struct gate_setup {
  std::function<joinable_pools()> pools; ///< Those that are there, by name; called on the GATE's thread.
  /// Whether whoever says `hello` may join as that node; called on the GATE's thread, may block for a short time.
  std::function<result<void>(const hello&)> admit;
  std::function<void(const error&)> on_failure{}; ///< A bug of it; from its thread.
  end_permit may_end{};                           ///< Null: anybody may end it.
  /// The pool that an agent joined before, by what it says; empty if it did not. Called as `admit` is.
  std::function<std::string(const hello&)> joined_before{};
};

/// State of the GATE.
struct gate_state {
  static inline const char* name = "agent_gate";
  gate_setup setup;
};

/// Where agents connect: asks the FLEET of their pool for those who may join, and answers itself, so that they hear of
/// no other actor than their LINK. Nobody of them can end it. To be spawned detached if `admit`
/// reads.
gate_actor::behavior_type agent_gate(kept_actor<gate_actor::stateful_base<gate_state>>* self, gate_setup setup);

} // namespace muster::agent
