#pragma once

namespace muster::test {

/// Whether this is built with AddressSanitizer. It keeps what was freed for a while, so that what a process holds is
/// not what it uses; and it has to be there in all that is linked or loaded.
#ifdef __SANITIZE_ADDRESS__
constexpr bool has_sanitizer = true;
#else
constexpr bool has_sanitizer = false;
#endif

} // namespace muster::test
