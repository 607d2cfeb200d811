#pragma once

#include "muster/base/result.hpp"
#include "muster/plan/plan.hpp"
#include "muster/spec/model.hpp"

#include <nlohmann/json_fwd.hpp>

#include <cstddef>

namespace muster::gateway {

/// Names of the groups before one, in an answer; their number is told with them.
constexpr std::size_t most_upstream_names = 1000;

/// `Plan` of a spec that is not stored: its groups with their edges, at most `most` of them; or the steps of its flow.
/// Fails as `make_plan`.
[[nodiscard]] result<nlohmann::ordered_json> plan_of(const spec::workflow& x, std::size_t most);

/// The same of a flow.
[[nodiscard]] nlohmann::ordered_json plan_of_flow(const spec::workflow& x);

} // namespace muster::gateway
