#pragma once

#include "actors/runtime.hpp"
#include "gateway/api/call.hpp"

#include <nlohmann/json_fwd.hpp>

#include <map>
#include <vector>

namespace muster::gateway {

/// Why groups of a workflow wait for places, as their pool says now, by group: what `Waiting` of docs/openapi.yaml
/// says. Those that do not wait are not among them; nothing where no runtime can be asked. Workflows that the caller
/// may not see are not named.
[[nodiscard]] std::map<group_index, nlohmann::ordered_json> waiting_now(call& x, const store::workflow_record& workflow,
                                                                        const std::vector<group_index>& groups);

/// Why the runtime has not taken the workflow up: null if it has, or if there is nobody to ask.
[[nodiscard]] nlohmann::ordered_json held_now(const call& x, const store::workflow_record& workflow);

} // namespace muster::gateway
