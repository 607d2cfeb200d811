#pragma once

#include "executors/process/log_guard.hpp"
#include "executors/process/posix.hpp"

#include <chrono>
#include <filesystem>

/// The WARDEN: the small process that is the parent of all tasks of a state directory. It outlives the runtime; the
/// next runtime finds it at <state>/warden/socket. docs/decisions/warden.md says why it is as it is.
namespace muster::process {

/// What a warden is told when it is launched.
struct warden_options {
  log_limits logs;
  std::chrono::milliseconds leftover_grace{2'000}; ///< For processes that a task leaves behind when it ends.
};

/// Connects to the living warden of `state`, or launches one. Only one ever lives per state directory: it holds a lock.
/// The socket is non-blocking and belongs to a process of the same user. `options` count only for a new warden.
/// Fails with `warden_lost`, or `io_error` for a folder that cannot be used. Blocks for a few seconds at the very
/// worst.
[[nodiscard]] result<unique_fd> connect_to_warden(const std::filesystem::path& state, const warden_options& options);

/// Runs as the warden that listens on `listener`, until no driver is connected and no task runs. Returns the exit code.
int run_warden(const std::filesystem::path& folder, unique_fd listener, const warden_options& options);

} // namespace muster::process
