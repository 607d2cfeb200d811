#pragma once

#include "muster/base/result.hpp"
#include "muster/base/time.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

namespace muster::process {

/// Owns a file descriptor.
class unique_fd {
public:
  unique_fd() = default;
  explicit unique_fd(int fd) noexcept : fd_(fd) {}
  unique_fd(unique_fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  unique_fd& operator=(unique_fd&& other) noexcept {
    if (this != &other)
      reset(std::exchange(other.fd_, -1));
    return *this;
  }
  unique_fd(const unique_fd&) = delete;
  unique_fd& operator=(const unique_fd&) = delete;
  ~unique_fd() { reset(); }

  [[nodiscard]] int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }
  void reset(int fd = -1) noexcept;

private:
  int fd_ = -1;
};

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

} // namespace muster::process
