#pragma once

#include "cli/commands/commands.hpp"
#include "cli/commands/pool_choice.hpp"
#include "muster/base/result.hpp"

#include "actors/runtime.hpp"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <functional>
#include <future>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace muster::cli {

/// How `run`, `resume` and `retry` run workflows on this machine.
struct local_options {
  std::string pool;        ///< A name, see `choose_pool`; empty: nobody named one.
  std::string config_file; ///< `--config`; empty: the user's own.
  std::string docker_host; ///< Overrules that of the pool.
  std::string pull;        ///< `always`, `missing`, `never`; empty: as the pool has it.
  std::uint32_t max_parallel = 0;
  double oversubscribe = 1.0;
  std::optional<std::vector<std::uint32_t>> gpus; ///< Unset: those that are found.
  bool claims_gpus = false;                       ///< Of this machine, among agents.
  bool enforce_limits = false;
  std::uint32_t max_retries = 3;
  std::string output = "text";
  std::string timeout; ///< As written; checked when the command line is parsed.
  bool keep = false;
  bool quiet = false;
  bool no_cache = false;
};

/// Adds their options.
void add_local_options(CLI::App& command, local_options& options);

/// The options that a later `resume` should run with as well, as JSON; kept with the workflow.
[[nodiscard]] nlohmann::json to_json(const local_options& options);

/// Takes from `stored`, as `to_json` made it, what the command line of `command` does not name.
void take_stored(const nlohmann::json& stored, const CLI::App& command, local_options& options);

/// Gives a workflow to a runtime: submits or resumes it.
using take_up = std::function<result<accepted_workflow>(runtime&)>;

/// Has what a new store begins with made meanwhile, if the state directory has none. Nothing is there before
/// `run_locally`.
[[nodiscard]] std::future<result<std::string>> make_store_if_missing(const context& ctx);

/// Starts a runtime over `pool`, gives it a workflow, shows the workflow until it ends, and says how it went. The
/// first SIGINT, SIGTERM or SIGHUP cancels it, the second kills it. Returns the exit code.
int run_locally(const context& ctx, const local_options& options, chosen_pool pool, const take_up& begin,
                std::future<result<std::string>> empty_store = {});

/// Says on stderr why there is no pool; returns the exit code: a wrong name or option is wrong usage.
int refuse_pool(const error& problem);

/// Reads the user's configuration; says on stderr what is wrong with it.
[[nodiscard]] std::optional<config::configuration> read_configuration(const local_options& options);

} // namespace muster::cli
