#pragma once

#include "muster/base/result.hpp"
#include "muster/base/time.hpp"
#include "muster/base/unique_fd.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

namespace muster {

/// `<what>: <text of errno>`, as an `io_error`.
[[nodiscard]] error os_error(const std::string& what, int number);

/// Writes all of `data`, also over short writes and interruptions; false with errno set if it cannot.
[[nodiscard]] bool write_all(int fd, std::string_view data) noexcept;

/// The content of a small file (of /proc, say), at most `limit` bytes; empty if it cannot be read.
[[nodiscard]] std::string read_small_file(const char* path, std::size_t limit = 1U << 20U);

/// Microseconds since the epoch.
[[nodiscard]] std::int64_t wall_clock_us() noexcept;
/// Microseconds of a clock that never jumps.
[[nodiscard]] std::int64_t steady_clock_us() noexcept;

/// `us` since the epoch as a timestamp.
[[nodiscard]] inline timestamp to_timestamp(std::int64_t us) noexcept {
  return timestamp{duration{us}};
}

} // namespace muster
