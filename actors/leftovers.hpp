#pragma once

#include "executors/driver.hpp"
#include "muster/store/layout.hpp"

#include <functional>

namespace muster {

/// What is over, as the store of this directory has it: finished workflows, ended attempts, and what it does not know.
/// What cannot be read counts as alive.
[[nodiscard]] leftover_judge judge_by_store(const store::state_directory& directory);

/// Likewise for attempts on nodes that are told of a place only once it is recorded: what is recorded to have none,
/// since its gang gave its places up, is over there as well.
[[nodiscard]] std::function<bool(attempt_id)> judge_for_agents(const store::state_directory& directory);

} // namespace muster
