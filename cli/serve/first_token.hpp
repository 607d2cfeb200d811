#pragma once

#include "actors/runtime.hpp"
#include "muster/base/result.hpp"
#include "muster/store/layout.hpp"

#include <filesystem>

namespace muster::cli {

/// Where a head that asks for tokens leaves the first one for its operator: `admin.token` in the state directory.
[[nodiscard]] std::filesystem::path first_token_file(const store::state_directory& where);

/// Sees to it that somebody can ask the head: if no token of an admin is valid (none was made, or all are revoked or
/// expired), makes one of the user `admin` and writes it to `first_token_file`, which only the head's user can read.
/// Whoever can read that could make tokens in the directory itself, so this gives nobody a right that they have not.
/// True if one was made. What fails can be tried again: nothing counts until the file is on disk.
[[nodiscard]] result<bool> ensure_admin_token(const store::state_directory& where, runtime& engine);

} // namespace muster::cli
