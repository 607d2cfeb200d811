#pragma once

#include <cstdint>
#include <limits>

namespace muster {

/// `a + b`, or the bound of 64 bits that this would pass: specs may ask for as much as there are numbers.
[[nodiscard]] inline std::int64_t bounded_sum(std::int64_t a, std::int64_t b) noexcept {
  std::int64_t sum = 0;
  if (!__builtin_add_overflow(a, b, &sum))
    return sum;
  return a > 0 ? std::numeric_limits<std::int64_t>::max() : std::numeric_limits<std::int64_t>::min();
}

} // namespace muster
