#pragma once

#include <string>

namespace muster {

/// Why the last call of OpenSSL on this thread failed, in words, without its numbers; forgets all that OpenSSL
/// remembers. "unknown reason" if it says nothing.
[[nodiscard]] std::string openssl_reason();

} // namespace muster
