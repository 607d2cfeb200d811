#pragma once

#include <cstdint>
#include <random>

namespace muster {

/// 64 bits of the system's randomness: nobody guesses them, and no two calls give the same. Safe from any thread.
[[nodiscard]] inline std::uint64_t random_number() {
  std::random_device system;
  const std::uint64_t high = system();
  return (high << 32U) | system();
}

} // namespace muster
