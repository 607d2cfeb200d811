#pragma once

#include "timeline.hpp"

#include <cstdint>
#include <random>

namespace muster::simulation {

/// Where everything comes from that is left to chance: the same seed gives the same numbers on every machine.
class chance {
public:
  explicit chance(std::uint64_t seed) : engine_(seed) {}

  /// From 0 to below `bound`, which is above 0.
  [[nodiscard]] std::uint64_t pick(std::uint64_t bound) { return engine_() % bound; }
  [[nodiscard]] std::uint64_t between(std::uint64_t low, std::uint64_t high) { return low + pick(high - low + 1); }
  /// True so many times of a thousand.
  [[nodiscard]] bool permille(std::uint64_t x) { return pick(1000) < x; }
  [[nodiscard]] bool percent(std::uint64_t x) { return pick(100) < x; }
  [[nodiscard]] moment between(moment low, moment high) {
    return moment{static_cast<moment::rep>(
        between(static_cast<std::uint64_t>(low.count()), static_cast<std::uint64_t>(high.count())))};
  }
  /// Mostly short, sometimes long: each power of ten up to `most` is as likely as the others.
  [[nodiscard]] moment spread(moment least, moment most) {
    auto high = least;
    while (high < most && percent(60))
      high *= 4;
    return between(least, high < most ? high : most);
  }

private:
  std::mt19937_64 engine_;
};

} // namespace muster::simulation
