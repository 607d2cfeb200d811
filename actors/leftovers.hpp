#pragma once

#include "executors/driver.hpp"
#include "muster/store/layout.hpp"

namespace muster {

/// What is over, as the store of this directory has it: finished workflows, ended attempts, and what it does not know.
/// What cannot be read counts as alive.
[[nodiscard]] leftover_judge judge_by_store(const store::state_directory& directory);

} // namespace muster
