#pragma once

#include "muster/base/time.hpp"
#include "muster/store/service.hpp"

#include <optional>
#include <string>

namespace muster::gateway {

using store::role;

/// Who asks.
struct identity {
  std::string user; ///< Empty: the operator of this machine, where no tokens are asked for.
  store::role role = store::role::admin;
  std::string token; ///< Public id of the token; empty without one.
};

/// Whether a token lets anybody in at that time: it was not revoked, and has not expired.
[[nodiscard]] inline bool counts(const store::token_record& x, timestamp now) {
  return !x.revoked && (!x.expires || *x.expires > now) && x.role != role::unspecified;
}

/// Whether only the caller's own workflows are theirs to see.
[[nodiscard]] inline bool sees_own_only(const identity& who) {
  return who.role != role::viewer && who.role != role::admin;
}

/// The user who may have a share only of what there is a bound of; nobody for those who run the service.
[[nodiscard]] inline std::optional<std::string> share_of(const identity& who) {
  return who.role == role::admin ? std::nullopt : std::optional{who.user};
}

/// Whether the workflows of `owner` are shown to `who`.
[[nodiscard]] inline bool may_see(const identity& who, const std::string& owner) {
  return !sees_own_only(who) || who.user == owner;
}

} // namespace muster::gateway
