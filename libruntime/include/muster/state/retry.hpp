#pragma once

#include "muster/base/ids.hpp"
#include "muster/plan/plan.hpp"
#include "muster/state/status.hpp"

#include <optional>
#include <vector>

namespace muster {

/// Which groups of a finished workflow are to be run once more, in the order of the plan: those that did not complete;
/// with `from`, also that group and all that depends on it, whatever became of it. `groups` has the status of each
/// group, and `layout` is the whole workflow. A gang goes as a whole. For flows see `flow::gangs_to_retry`.
[[nodiscard]] std::vector<group_index> groups_to_retry(const plan& layout, const std::vector<status>& groups,
                                                       std::optional<group_index> from);

} // namespace muster
