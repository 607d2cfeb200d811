#include "actors/mailbox_meter.hpp"

#include <caf/all.hpp>

namespace muster {

namespace {

using meter_pointer = mailbox_meter_actor::stateful_pointer<mailbox_meter_state>;

void ask_all(meter_pointer self) {
  for (const auto& x : self->state.watched()) {
    if (x.gauge->asked_at != 0)
      continue;
    x.gauge->asked(mailbox_gauge::clock::now());
    const auto note = [gauge = x.gauge](std::uint64_t behind) { gauge->answered(behind, mailbox_gauge::clock::now()); };
    // One that has ended is not asked any more.
    self->request(x.actor, caf::infinite, measure_atom::value).then(note, [](const caf::error&) {});
  }
}

} // namespace

mailbox_meter_actor::behavior_type mailbox_meter(mailbox_meter_actor::stateful_pointer<mailbox_meter_state> self,
                                                 list_mailboxes watched, std::chrono::milliseconds pause) {
  auto& state = self->state;
  state.watched = std::move(watched);
  state.pause = pause;
  self->send(self, tick_atom::value);
  return {
      [self](tick_atom) {
        ask_all(self);
        self->delayed_send(self, self->state.pause, tick_atom::value);
      },
  };
}

} // namespace muster
