#pragma once

#include "muster/store/log_streams.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace muster::store {

/// Where the last `lines` lines of the file begin; 0 if it has fewer, or cannot be read. Reads backwards in blocks:
/// what it holds does not grow with the file.
/// With `only`, lines of that stream are counted.
[[nodiscard]] std::uint64_t offset_of_last_lines(const std::filesystem::path& file, std::uint64_t lines,
                                                 std::optional<log_origin> only = {});

/// Whether the streams of this log can be told apart: there is something to tell by, or nothing to tell.
[[nodiscard]] bool tells_streams(const std::filesystem::path& log);

/// Reads a log that may still grow, a bounded piece at a time. Holds no descriptor between reads, and nothing of the
/// file: a thousand of them cost little.
class log_tail {
public:
  /// With `only`, nothing but what that stream wrote is passed, and what nobody can tell.
  explicit log_tail(std::filesystem::path file, std::uint64_t offset = 0, std::optional<log_origin> only = {});

  /// Passes what there is from the last position on, at most `limit` bytes, to `use` in pieces of at most 64 KiB.
  /// Returns how many were read; 0 at the present end, and while there is no file.
  std::size_t read(std::size_t limit, const std::function<void(std::string_view)>& use);

  [[nodiscard]] const std::filesystem::path& file() const noexcept { return file_; }
  /// Up to where it has read.
  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }

private:
  std::filesystem::path file_;
  std::uint64_t offset_ = 0;
  std::optional<log_origin> only_;
  std::optional<log_streams> streams_; ///< With `only_`.
};

} // namespace muster::store
