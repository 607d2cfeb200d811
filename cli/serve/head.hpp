#pragma once

#include "cli/commands/signals.hpp"
#include "cli/serve/notify.hpp"
#include "muster/config/file.hpp"
#include "muster/store/layout.hpp"

#include <functional>
#include <string>
#include <vector>

namespace muster::cli {

/// What the command line of `muster serve` says beside the configuration file.
struct head_options {
  std::vector<std::string> pools; ///< Only these; empty: all.
  bool stop_tasks = false;        ///< A stop cancels what runs.
};

/// Reads the configuration again, command line included; on failure says why, for the log.
using reread = std::function<result<config::configuration>()>;

/// Runs a head until a signal ends it. Call it before any thread exists. Returns the exit code.
[[nodiscard]] int run_head(const config::configuration& known, const store::state_directory& directory,
                           const head_options& options, const reread& read_again);

} // namespace muster::cli
