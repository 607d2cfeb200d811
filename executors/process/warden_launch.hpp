#pragma once

#include "executors/process/warden/warden.hpp"

namespace muster::process {

/// Connects to the living warden of `state`, or launches one. Only one ever lives per state directory: it holds a lock.
/// The socket is non-blocking and belongs to a process of the same user. `options` count only for a new warden.
/// Fails with `warden_lost`, or `io_error` for a folder that cannot be used. Blocks for a few seconds at the very
/// worst.
[[nodiscard]] result<unique_fd> connect_to_warden(const std::filesystem::path& state, const warden_options& options);

} // namespace muster::process
