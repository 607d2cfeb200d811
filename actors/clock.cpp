#include "actors/clock.hpp"

#include "actors/mailbox_meter.hpp"

#include <caf/all.hpp>

#include <algorithm>

namespace muster {

namespace {

using clock_pointer = clock_actor::stateful_pointer<clock_state>;

/// Makes sure that a tick arrives no later than the earliest timer.
void arm(clock_pointer self) {
  auto& state = self->state;
  if (state.due.empty() || state.next_tick <= state.due.begin()->first)
    return;
  const auto now = self->clock().now();
  state.next_tick = state.due.begin()->first;
  const auto delay = std::max(clock_state::time_point::duration::zero(), state.next_tick - now);
  self->delayed_send(self, delay, tick_atom::value);
}

void fire_due(clock_pointer self) {
  auto& state = self->state;
  const auto now = self->clock().now();
  if (state.next_tick <= now)
    state.next_tick = clock_state::time_point::max();
  while (!state.due.empty() && state.due.begin()->first <= now) {
    const auto first = state.due.begin();
    const auto& x = first->second;
    self->send(x.target, timer_atom::value, x.kind, x.who.second, x.task);
    state.by_key.erase(x.who);
    state.due.erase(first);
  }
}

} // namespace

clock_actor::behavior_type clock(clock_actor::stateful_pointer<clock_state> self) {
  auto& state = self->state;
  return {
      depth_of_mailbox(self),
      [self, &state](set_atom, const group_actor& target, std::uint8_t kind, std::uint32_t generation, task_index task,
                     std::int64_t microseconds) {
        const clock_state::key who{target.id(), generation};
        const auto when = self->clock().now() + std::min(std::chrono::microseconds{microseconds}, longest_delay);
        const auto entry = state.due.emplace(when, clock_state::timer{who, target, kind, task});
        state.by_key[who] = entry;
        arm(self);
      },
      [&state](cancel_atom, std::uint64_t owner, std::uint32_t generation) {
        const auto found = state.by_key.find({owner, generation});
        if (found == state.by_key.end())
          return;
        state.due.erase(found->second);
        state.by_key.erase(found);
      },
      [self](tick_atom) {
        fire_due(self);
        arm(self);
      },
  };
}

} // namespace muster
