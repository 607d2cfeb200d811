#pragma once

#include "muster/store/service.hpp"

#include <string>

namespace muster::gateway {

using store::role;

/// Who asks.
struct identity {
  std::string user; ///< Empty: the operator of this machine, where no tokens are asked for.
  store::role role = store::role::admin;
  std::string token; ///< Public id of the token; empty without one.
};

/// Whether only the caller's own workflows are theirs to see.
[[nodiscard]] inline bool sees_own_only(const identity& who) {
  return who.role != role::viewer && who.role != role::admin;
}

/// Whether the workflows of `owner` are shown to `who`.
[[nodiscard]] inline bool may_see(const identity& who, const std::string& owner) {
  return !sees_own_only(who) || who.user == owner;
}

} // namespace muster::gateway
