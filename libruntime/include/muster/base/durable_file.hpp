#pragma once

#include "muster/base/result.hpp"

#include <filesystem>
#include <string_view>

#include <sys/types.h>

namespace muster {

/// Writes a file in place of what is there; it is on the disk, whole, when this returns, and after a crash it is either
/// the old or the new one. It is for this user alone, or has the mode `mode` without what the umask takes away. Fails
/// with `store_full` or `io_error`; then the old one is untouched. Not for two writers of one path at the same time.
[[nodiscard]] result<void> replace_file_durably(const std::filesystem::path& path, std::string_view text,
                                                mode_t mode = 0600);

} // namespace muster
