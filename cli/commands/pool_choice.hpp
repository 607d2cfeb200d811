#pragma once

#include "executors/docker/docker_config.hpp"
#include "executors/driver.hpp"
#include "muster/base/result.hpp"
#include "muster/config/file.hpp"
#include "muster/spec/model.hpp"
#include "muster/store/layout.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace muster::cli {

struct local_options;

/// Processes of this machine.
struct process_choice {
  std::optional<std::vector<std::uint32_t>> gpus; ///< Unset: those that are found.
};
/// Nothing is run.
struct null_choice {
  std::optional<std::vector<std::uint32_t>> gpus;
};

/// Where a workflow is to run.
struct chosen_pool {
  std::string name; ///< `local`, `docker`, `null`, or of the configuration; a later `resume` finds it by this.
  std::variant<process_choice, docker_pool_config, null_choice> how;
  std::string why; ///< For people, when nobody named the pool: what was chosen and why, in one line.
  config::pool_policy policy{};
};

/// The pool that `options.pool` names, out of `known` and those that are always there. If it names none: Docker if the
/// tasks of `workflow` name images and a daemon answers, else processes of this machine. May ask the daemon, and then
/// blocks for a few seconds at most; no thread is left. Fails with `not_found` for an unknown pool, `invalid_argument`
/// for options that do not go with it.
[[nodiscard]] result<chosen_pool> choose_pool(const local_options& options, const config::configuration& known,
                                              const spec::workflow& workflow);

/// The same for a workflow whose pool is known.
[[nodiscard]] result<chosen_pool> choose_pool(const local_options& options, const config::configuration& known);

/// The driver of `pool`. Makes the head's id in `directory` if containers need it. Fails as `store::head_id`.
[[nodiscard]] result<std::unique_ptr<driver>> make_driver(chosen_pool pool, const local_options& options,
                                                          const store::state_directory& directory);

} // namespace muster::cli
