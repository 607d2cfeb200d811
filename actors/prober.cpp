#include "actors/prober.hpp"

#include <caf/all.hpp>

#include <algorithm>

namespace muster {

namespace {

void arm(prober_actor::stateful_pointer<prober_state> self) {
  auto& state = self->state;
  if (state.pools->all_up())
    return;
  self->delayed_send(self, state.pause, tick_atom::value);
  state.pause = std::min(2 * state.pause, state.longest);
}

} // namespace

prober_actor::behavior_type prober(prober_actor::stateful_pointer<prober_state> self, pool_set* pools, probing how,
                                   std::function<void(const std::vector<std::string>&)> on_up) {
  auto& state = self->state;
  state.pools = pools;
  state.on_up = std::move(on_up);
  state.pause = how.first;
  state.longest = how.longest;
  arm(self);
  return {
      [self, &state](tick_atom) {
        if (const auto up = state.pools->probe_again(); !up.empty())
          state.on_up(up);
        arm(self);
      },
  };
}

} // namespace muster
