#pragma once

#include "muster/base/time.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace muster::cli {

/// `0.4s`, `12s`, `3m05s`, `2h03m`, `1d04h`.
[[nodiscard]] std::string show_duration(duration x);

/// `2026-11-21 03:04:05` in local time; `-` if there is none.
[[nodiscard]] std::string show_time(std::optional<timestamp> x);

/// `03:04:05` in local time.
[[nodiscard]] std::string show_clock(timestamp x);

/// `512Mi`, `1Gi`, `1.5Gi`.
[[nodiscard]] std::string show_bytes(std::int64_t bytes);

/// `1 task`, `3 tasks`.
[[nodiscard]] std::string count_of(std::uint64_t number, std::string_view noun);

/// `text` with control characters shown as `?`, so that what a user wrote cannot steer a terminal.
[[nodiscard]] std::string printable(std::string_view text);

/// A line that a task wrote as it stays on a screen: with its colours, which end with it, with what comes after the
/// last carriage return, and without what moves the cursor or changes the rest of the screen.
[[nodiscard]] std::string screen_line(std::string_view text);

/// How many columns `text` takes, counting each code point as one.
[[nodiscard]] std::size_t width_of(std::string_view text) noexcept;

/// `text` cut to `columns`, the cut marked by `…`.
[[nodiscard]] std::string cut(std::string_view text, std::size_t columns);

/// `90`, `90s`, `1.5m`, `2h`, `1h30m`: a span of time greater than zero, a bare number being seconds.
[[nodiscard]] std::optional<duration> parse_duration(std::string_view text);

} // namespace muster::cli
