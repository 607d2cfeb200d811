#pragma once

#include "actors/pool_set.hpp"
#include "actors/protocol/type_ids.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace muster {

/// State of the PROBER.
struct prober_state {
  static inline const char* name = "prober";
  pool_set* pools = nullptr;
  std::function<void(const std::vector<std::string>&)> on_up;
  std::chrono::milliseconds pause{};
  std::chrono::milliseconds longest{};
};

/// Probes pools that are unavailable until all are there, and tells `on_up` which ones came; both block, so it is to be
/// spawned detached. `pools` must outlive it.
prober_actor::behavior_type prober(prober_actor::stateful_pointer<prober_state> self, pool_set* pools, probing how,
                                   std::function<void(const std::vector<std::string>&)> on_up);

} // namespace muster
