#pragma once

#include "muster/store/layout.hpp"

namespace muster::cli {

/// Whether a process holds the writer's lock of the state directory: a head, or a command that runs a workflow. Asks
/// the kernel's list of locks, so it disturbs nobody. True where that cannot be told.
[[nodiscard]] bool has_writer(const store::state_directory& directory);

} // namespace muster::cli
