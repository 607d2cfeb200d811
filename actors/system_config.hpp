#pragma once

#include "actors/link_certificates.hpp"

#include <caf/actor_system_config.hpp>

#include <cstdint>
#include <optional>

namespace muster {

/// CAF set up for Muster: message types registered, and the scheduler as docs/decisions/actors-caf.md says; with
/// the network that remote monitors come by if asked.
class system_config : public caf::actor_system_config {
public:
  /// `certificates`: ready for connections that are encrypted, beside others.
  explicit system_config(std::uint32_t threads, bool with_network = false,
                         const std::optional<link_certificates>& certificates = {});
};

} // namespace muster
