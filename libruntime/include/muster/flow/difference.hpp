#pragma once

#include "muster/base/result.hpp"
#include "muster/plan/plan.hpp"
#include "muster/spec/model.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

/// What changed between two specs, after all templates, defaults and parameters were filled in.
namespace muster::flow {

/// A plan as JSON, to be compared: its groups with their edges, its tasks and what they ask for.
[[nodiscard]] std::string outline(const plan& x);

/// The same of a spec: of its plan, or of its flow as the store keeps it. Fails as `make_plan`.
[[nodiscard]] result<std::string> outline(const spec::workflow& x);

/// What is different, by step and field, one line each: `train: args: ["--epochs","3"] -> ["--epochs","4"]`. At most
/// `most` lines, and one that says how many more there are. Empty: the two are the same. Each is what `outline` gave or
/// a stored flow; steps are told apart by name, so their order does not count. Text that is no JSON is one value.
[[nodiscard]] std::vector<std::string> differences(std::string_view before, std::string_view after, std::size_t most);

} // namespace muster::flow
