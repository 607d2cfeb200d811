#pragma once

#include <caf/actor_system_config.hpp>

#include <cstdint>

namespace muster {

/// CAF set up for Muster: message types registered, and the scheduler as docs/decisions/actors-caf.md says; with
/// the network that remote monitors come by if asked.
class system_config : public caf::actor_system_config {
public:
  explicit system_config(std::uint32_t threads, bool with_network = false);
};

} // namespace muster
