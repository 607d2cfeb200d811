#pragma once

#include "executors/process/warden/log_guard.hpp"
#include "muster/base/posix.hpp"

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

/// Runs as the warden that listens on `listener`, until no driver is connected and no task runs. Returns the exit code.
int run_warden(const std::filesystem::path& folder, unique_fd listener, const warden_options& options);

} // namespace muster::process
