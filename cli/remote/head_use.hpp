#pragma once

#include "cli/remote/connection.hpp"

namespace muster::cli {

/// Of a command that works with a head or without: which one, and how.
struct head_use : head_choice {
  bool local = false;  ///< Without one, whatever heads there are.
  bool detach = false; ///< Hand it over and return.
};

/// Adds `--address`, `--context`, `--token-file`, `--local`, `--detach`. Add the options of local runs before.
void add_head_use(CLI::App& command, head_use& use, context& ctx);

/// Whether a head is meant. `invalid_argument` for options that do not go with what is meant: those of local runs with
/// a head, `--detach` without one.
[[nodiscard]] result<bool> choose_head(const context& ctx, const CLI::App& command, const head_use& use);

} // namespace muster::cli
