#pragma once

#include "muster/base/result.hpp"
#include "muster/base/time.hpp"

#include <string>
#include <string_view>

namespace muster::spec {

/// A duration as OSMO's specs write it: an integer and one of `d h m s ms us` (`90s`), or ISO 8601 of days and smaller
/// (`P1DT2H`, `PT1.5S`). Negative ones parse. What 64 bits of microseconds do not hold becomes the nearest bound;
/// beyond 999,999,999 days it fails with `limit_exceeded`.
[[nodiscard]] result<duration> parse_duration(std::string_view text);

/// What 64 bits hold in whole days: more is refused where it can be said.
constexpr duration longest_time = std::chrono::hours{24} * 106'751'991;

/// A number of seconds as a duration, rounded to microseconds. Fails for what is not finite or beyond 999,999,999 days.
[[nodiscard]] result<duration> duration_from_seconds(double seconds);

/// `x` in the largest unit that divides it, such as `90s`; reads back by `parse_duration`.
[[nodiscard]] std::string to_string(duration x);

} // namespace muster::spec
