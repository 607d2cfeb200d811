#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace CLI {
class App;
}

namespace muster::cli {

/// Adds `--gpus`: how many this machine has, or which.
void add_gpus(CLI::App& command, std::optional<std::vector<std::uint32_t>>& into);

} // namespace muster::cli
