#pragma once

#include <cstdint>
#include <string>

namespace muster::gateway {

/// What somebody may do, each including the one before it.
enum class role : std::uint8_t {
  viewer = 1, ///< Reads everything, changes nothing.
  user = 2,   ///< Submits, and sees and changes what is their own.
  admin = 3,  ///< Everything.
};

/// Who asks.
struct identity {
  std::string user; ///< Empty: the operator of this machine, where no tokens are asked for.
  gateway::role role = gateway::role::admin;
  std::string token; ///< Public id of the token; empty without one.
};

/// Whether the workflows of `owner` are shown to `who`.
[[nodiscard]] inline bool may_see(const identity& who, const std::string& owner) {
  return who.role != role::user || who.user == owner;
}

} // namespace muster::gateway
