#pragma once

#include <caf/actor_system_config.hpp>

#include <cstdint>

namespace muster {

/// What a system's network is for.
enum class network_use : std::uint8_t {
  none = 1,
  /// Connections of any kind: CAF's heartbeats tell whose peer is gone. The other end of an encrypted one has none, but
  /// agents say oftener that they are there than its patience lasts.
  any,
  encrypted, ///< Those of an encrypted door alone, which sees that for itself, and for less.
};

/// CAF set up for Muster: message types registered, and the scheduler as docs/decisions/actors-caf.md says.
class system_config : public caf::actor_system_config {
public:
  explicit system_config(std::uint32_t threads, network_use network = network_use::none);
};

} // namespace muster
