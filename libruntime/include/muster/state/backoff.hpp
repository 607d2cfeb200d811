#pragma once

#include "muster/base/time.hpp"

#include <cstdint>

namespace muster {

/// How long to wait before trying again: doubles with each try up to `longest`, less a random part of up to one half,
/// so that those who failed together do not come back together.
struct backoff_policy {
  duration first{std::chrono::milliseconds{500}};
  duration longest{std::chrono::seconds{60}};

  /// The delay before try number `tries` + 1; `seed` decides the random part. Zero if `first` is.
  [[nodiscard]] duration delay(std::uint32_t tries, std::uint64_t seed) const noexcept;
};

} // namespace muster
