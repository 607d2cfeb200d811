#pragma once

#include "cli/commands/commands.hpp"
#include "muster/base/result.hpp"

#include "actors/runtime.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace muster::cli {

/// How `run` and `resume` run workflows on this machine.
struct local_options {
  std::string executor = "process"; ///< `process`, or `null`: nothing is run, for measuring.
  std::string pool = "local";
  std::uint32_t max_parallel = 0;
  double oversubscribe = 1.0;
  std::vector<std::uint32_t> gpus;
  std::uint32_t max_retries = 3;
  std::string output = "text";
  std::string timeout; ///< As written; checked when the command line is parsed.
  bool keep = false;
  bool quiet = false;
};

/// Adds their options.
void add_local_options(CLI::App& command, local_options& options);

/// Gives a workflow to a runtime: submits or resumes it.
using take_up = std::function<result<accepted_workflow>(runtime&)>;

/// Starts a runtime on this machine, gives it a workflow, shows the workflow until it ends, and says how it went. The
/// first SIGINT, SIGTERM or SIGHUP cancels it, the second kills it. Returns the exit code.
int run_locally(const context& ctx, const local_options& options, const take_up& begin);

} // namespace muster::cli
