#pragma once

#include "actors/meters.hpp"
#include "actors/protocol/type_ids.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

namespace muster {

/// An actor whose mailbox is watched, and where what is found is noted.
struct watched_mailbox {
  measured_actor actor;
  std::shared_ptr<mailbox_gauge> gauge;
};

/// Those that are there; called on the MAILBOX METER's thread.
using list_mailboxes = std::function<std::vector<watched_mailbox>()>;

/// State of the MAILBOX METER.
struct mailbox_meter_state {
  static inline const char* name = "mailbox_meter";
  list_mailboxes watched;
  std::chrono::milliseconds pause{};
};

/// Asks every actor how many messages wait for it, and notes how long the answer took. One that does not answer is not
/// asked again: a question adds one message, once.
mailbox_meter_actor::behavior_type mailbox_meter(mailbox_meter_actor::stateful_pointer<mailbox_meter_state> self,
                                                 list_mailboxes watched, std::chrono::milliseconds pause);

/// What a `measured_actor` answers: only itself may look into its mailbox.
template <class Self>
[[nodiscard]] auto depth_of_mailbox(Self* self) {
  return [self](measure_atom) { return static_cast<std::uint64_t>(self->mailbox().size()); };
}

} // namespace muster
