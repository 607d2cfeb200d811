#pragma once

#include "actors/pool_setup.hpp"
#include "actors/protocol/type_ids.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <functional>

namespace muster {

/// State of the PROBER.
struct prober_state {
  static inline const char* name = "prober";
  std::function<bool()> look;
  probing how;
  std::chrono::milliseconds pause{};
  bool is_armed = false; ///< A tick is on its way.
};

/// Calls `look` again and again, with growing pauses, until it returns false: all pools are there, and nothing waits to
/// be taken up. It goes on when it is told so. `look` blocks, so it is to be spawned detached.
prober_actor::behavior_type prober(prober_actor::stateful_pointer<prober_state> self, probing how,
                                   std::function<bool()> look);

} // namespace muster
