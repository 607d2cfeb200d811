#pragma once

#include "cli/commands/commands.hpp"

#include <nlohmann/json_fwd.hpp>

#include <iosfwd>

namespace muster::cli {

/// Adds `create`, `delete`, `set`, `reset` and `maintenance` to `pool`.
void add_pool_changes(CLI::App& pool, context& ctx);

/// A pool as `pool show` prints it: what it has, then its policy, and for each key who said so.
void print_pool(const nlohmann::ordered_json& x, std::ostream& out);

} // namespace muster::cli
