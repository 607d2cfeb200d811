#pragma once

#include "actors/context.hpp"
#include "executors/driver.hpp"
#include "muster/base/result.hpp"

namespace muster {

/// Everything about an attempt but where it runs. `extras` are the task's, or null. Fails if its stored body is
/// damaged.
[[nodiscard]] result<attempt_spec> describe_attempt(const workflow_context& context, task_index task,
                                                    std::uint32_t attempt, const task_extras* extras);

} // namespace muster
