#pragma once

#include "muster/base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace muster::gateway {

/// A new secret of the Standard Webhooks scheme: `whsec_` and 32 random bytes in base64.
[[nodiscard]] result<std::string> make_webhook_secret();

/// The header `webhook-signature`: `v1,` and HMAC-SHA256 over `<id>.<seconds>.<body>` in base64. `invalid_argument` for
/// a secret that is none.
[[nodiscard]] result<std::string> sign_webhook(std::string_view secret, std::string_view id, std::int64_t seconds,
                                               std::string_view body);

} // namespace muster::gateway
