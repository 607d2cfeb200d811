#pragma once

#include "muster/base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace muster::docker {

/// Writes a tar archive into memory: ustar (POSIX.1-2001), with a pax header for names that do not fit.
class tar_writer {
public:
  /// Who owns an entry, and how it may be used.
  struct attributes {
    std::uint32_t mode = 0644; ///< The low twelve bits.
    std::uint32_t uid = 0;     ///< Up to 2097151.
    std::uint32_t gid = 0;     ///< Up to 2097151.
    std::int64_t mtime = 0;    ///< Seconds since 1970, not negative.
  };

  /// A file at `path`, relative to where the archive is unpacked. Fails with `invalid_argument` for an empty or
  /// absolute path, one with `..`, `.` or an empty part, with NUL, or longer than 4096 bytes; or for attributes out of
  /// range.
  [[nodiscard]] result<void> add_file(std::string_view path, std::string_view content, const attributes& how);
  /// A folder at `path`. An existing one keeps its content and gets the attributes.
  [[nodiscard]] result<void> add_folder(std::string_view path, const attributes& how);

  /// The archive. Nothing can be added afterwards.
  [[nodiscard]] std::string finish() &&;

private:
  [[nodiscard]] result<void> add(std::string path, std::string_view content, const attributes& how, char type);

  std::string out_;
};

} // namespace muster::docker
