#pragma once

#include "chance.hpp"

#include "executors/driver.hpp"
#include "muster/config/pool_policy.hpp"
#include "muster/spec/model.hpp"

#include <string>
#include <vector>

namespace muster::simulation {

/// How names of groups begin whose members start together.
constexpr const char* barrier_prefix = "b";

/// A workflow that fits on these nodes when they are empty: some groups that depend on one another, gangs of up to six,
/// some with GPUs, exit actions and timeouts.
[[nodiscard]] spec::workflow random_workflow(chance& random, const std::vector<capabilities>& nodes);

/// Who submits.
[[nodiscard]] std::string random_user(chance& random);

/// What somebody may have in mind for a pool: mostly that things go on by it, sometimes that nothing does.
[[nodiscard]] config::pool_policy random_policy(chance& random);

} // namespace muster::simulation
