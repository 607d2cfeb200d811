#pragma once

#include "chance.hpp"
#include "timeline.hpp"
#include "trace.hpp"

#include "muster/base/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace muster::simulation {

/// A rule that is broken on purpose, to see that it is noticed.
enum class planted : std::uint8_t {
  nothing,
  amnesia, ///< A node forgets what it was told, and says that it remembers.
  barrier, ///< Members are said to be prepared before they are.
  gpus,    ///< Every task is told GPUs counted from 0.
  removal, ///< The head lets go of attempts, and tells nobody.
  turns,   ///< Places are given out again, and nobody looks who waits.
};

/// What every part of a world has in common: its time, its chance, and what is written down of it.
struct universe {
  universe(std::uint64_t seed, detail how, planted what) : random(seed), written(how), broken(what) {}

  timeline time;
  chance random;
  trace written;
  const planted broken;
  /// What must never be, and has been: the first one. Nobody throws, because actors would catch it.
  std::optional<std::string> violation;

  void say(const std::string& what) {
    if (written.wants_text())
      written.say(time.now(), what);
  }
  void violate(std::string what) {
    say("VIOLATION: " + what);
    if (!violation)
      violation = std::move(what);
  }
  /// The wall clock, the same on all machines.
  [[nodiscard]] timestamp wall() const {
    constexpr std::chrono::seconds beginning{1'750'000'000};
    return timestamp{beginning + time.now()};
  }
};

} // namespace muster::simulation
