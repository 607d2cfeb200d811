#pragma once

#include "actors/protocol/type_ids.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <vector>

namespace muster {

/// State of the EVENT HUB.
struct event_hub_state {
  static inline const char* name = "event_hub";
  std::vector<event_subscriber> subscribers;
};

/// Passes committed events on; subscribers must not block.
event_hub_actor::behavior_type event_hub(event_hub_actor::stateful_pointer<event_hub_state> self);

} // namespace muster
