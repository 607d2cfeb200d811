#pragma once

#include "muster/base/result.hpp"

#include <sys/socket.h>

#include <string>

namespace muster::gateway {

/// Whether a webhook may be delivered to that address: the one that is connected to, whatever name led there.
/// Link-local addresses, those of clouds' metadata, multicast and what is no host's are never permitted; loopback and
/// private networks with `allow_private` alone. IPv6 forms that carry an IPv4 address count as that one.
[[nodiscard]] bool may_deliver_to(const sockaddr* address, bool allow_private) noexcept;

/// Whether a URL may be a webhook's, as far as it says so itself: `http://` or `https://`, a host, no user in it, no
/// fragment, at most 2,048 bytes; a host that is an address must be permitted. `invalid_argument`.
[[nodiscard]] result<void> check_webhook_url(const std::string& url, bool allow_private);

/// What of a webhook's URL is no secret: scheme and host, and whether there is more. Nothing of what
/// `check_webhook_url` would not take.
[[nodiscard]] std::string without_path(const std::string& url);

} // namespace muster::gateway
