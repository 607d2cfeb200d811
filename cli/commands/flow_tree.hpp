#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstddef>

namespace muster::cli {

/// Prints the steps of a flow, as `/v1/workflows/{id}/steps` lists them, as a tree. Of elements that have not ended,
/// and of those that failed, at most `most` of each step.
void print_flow(const nlohmann::ordered_json& steps, std::size_t most);

} // namespace muster::cli
