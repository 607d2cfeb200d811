#pragma once

#include "muster/base/result.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace muster::data {

/// The regular files and links below `folder` whose relative path matches `pattern` from its start (all, if it is
/// empty), sorted. Links are not followed. Fails with `data_error`: an unreadable folder, a bad pattern, a special
/// file.
[[nodiscard]] result<std::vector<std::filesystem::path>> files_below(const std::filesystem::path& folder,
                                                                     const std::string& pattern);

/// True if `pattern` matches `name` from its start. Fails with `data_error`.
[[nodiscard]] result<bool> matches(const std::filesystem::path& name, const std::string& pattern);

/// Makes `to` the same file as `from`: a hard link where the file system can, else what `otherwise` says.
enum class fallback : std::uint8_t { copy, symbolic_link };
[[nodiscard]] result<void> link_file(const std::filesystem::path& from, const std::filesystem::path& to,
                                     fallback otherwise);

} // namespace muster::data
