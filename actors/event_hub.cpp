#include "actors/event_hub.hpp"

#include "actors/mailbox_meter.hpp"

#include <caf/all.hpp>

namespace muster {

event_hub_actor::behavior_type event_hub(event_hub_actor::stateful_pointer<event_hub_state> self) {
  auto& state = self->state;
  return {
      depth_of_mailbox(self),
      [&state](publish_atom, const event_batch& batch) {
        for (const auto& subscriber : state.subscribers)
          (*subscriber)(*batch);
      },
      [&state](subscr_atom, const event_subscriber& subscriber) { state.subscribers.push_back(subscriber); },
  };
}

} // namespace muster
