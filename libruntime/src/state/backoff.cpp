#include "muster/state/backoff.hpp"

#include <algorithm>

namespace muster {

namespace {

/// One step of splitmix64: spreads neighbouring seeds.
std::uint64_t mix(std::uint64_t x) noexcept {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31U);
}

} // namespace

duration backoff_policy::delay(std::uint32_t tries, std::uint64_t seed) const noexcept {
  auto full = std::min(first, longest);
  for (std::uint32_t i = 0; i < tries && full < longest; ++i)
    full = full > longest / 2 ? longest : full * 2;
  if (full <= duration::zero())
    return duration::zero();
  const auto half = static_cast<std::uint64_t>(full.count()) / 2;
  return full - duration{static_cast<duration::rep>(mix(seed ^ mix(tries)) % (half + 1))};
}

} // namespace muster
