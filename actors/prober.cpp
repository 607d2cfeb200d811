#include "actors/prober.hpp"

#include <caf/all.hpp>

#include <algorithm>

namespace muster {

namespace {

void arm(prober_actor::stateful_pointer<prober_state> self) {
  auto& state = self->state;
  state.is_armed = true;
  self->delayed_send(self, state.pause, tick_atom::value);
  state.pause = std::min(2 * state.pause, state.how.longest);
}

} // namespace

prober_actor::behavior_type prober(prober_actor::stateful_pointer<prober_state> self, probing how,
                                   std::function<bool()> look) {
  auto& state = self->state;
  state.look = std::move(look);
  state.how = how;
  return {
      [self, &state](start_atom) {
        if (state.is_armed)
          return;
        state.pause = state.how.first;
        arm(self);
      },
      [self, &state](tick_atom) {
        state.is_armed = false;
        if (state.look())
          arm(self);
      },
  };
}

} // namespace muster
