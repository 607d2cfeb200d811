#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace muster::docker {

/// A point in time as the Engine writes it: nanoseconds since 1970, UTC.
using nano_timestamp = std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>;

/// Reads RFC 3339 with up to nine decimals: `2026-01-02T03:04:05.123456789Z` or with `+01:00`. Nothing if it is not
/// that, or outside 1970 to 2261 (the Engine writes year 1 for "never").
[[nodiscard]] std::optional<nano_timestamp> parse_timestamp(std::string_view text);

/// `2026-01-02T03:04:05.123456789Z`, always with nine decimals: texts sort as times do.
[[nodiscard]] std::string to_rfc3339(nano_timestamp at);

/// `1767323045.123456789`, as the Engine wants `since` and `until`.
[[nodiscard]] std::string to_query(nano_timestamp at);

/// A record of a log that was asked for with timestamps.
struct stamped_text {
  nano_timestamp at;
  std::string_view text; ///< What follows the time and one blank.
};

/// Takes the time off a record; nothing if it does not begin with one.
[[nodiscard]] std::optional<stamped_text> split_timestamp(std::string_view record);

} // namespace muster::docker
