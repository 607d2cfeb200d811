#pragma once

#include "actors/agents/fleet.hpp"
#include "actors/agents/kept_actor.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <cstdint>

namespace muster::agent {

/// State of a LINK.
struct node_link_state {
  static inline const char* name = "node_link";
  fleet_actor fleet;
  std::uint64_t session = 0;
};

/// The LINK of a session: all that an agent has of the head. Passes on what an agent may say, of its own session, to
/// the FLEET, and drops everything else. Whoever is connected can send any message to any actor that it knows of, so
/// nothing else of the head is ever sent to an agent, not even as a sender. Ends with the FLEET, or when that says so
/// and gives its permit.
fleet_link::behavior_type node_link(kept_actor<fleet_link::stateful_base<node_link_state>>* self, fleet_actor fleet,
                                    std::uint64_t session, end_permit may_end);

} // namespace muster::agent
