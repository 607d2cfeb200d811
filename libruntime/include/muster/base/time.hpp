#pragma once

#include <chrono>

namespace muster {

/// A point in wall-clock time with microseconds, as it is stored and shown.
using timestamp = std::chrono::time_point<std::chrono::system_clock, std::chrono::microseconds>;

/// A span of time as specs, limits and clocks use it.
using duration = std::chrono::microseconds;

} // namespace muster
