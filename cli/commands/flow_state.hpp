#pragma once

#include "muster/picture/state.hpp"
#include "muster/picture/stored.hpp"

#include <nlohmann/json_fwd.hpp>

#include <cstddef>
#include <vector>

/// What the commands tell of workflows that have a flow.
namespace muster::cli {

using picture::element_place;
using picture::find_element;
using picture::flow_state;
using picture::read_definition;
using picture::read_flow_state;

/// For programs.
[[nodiscard]] nlohmann::ordered_json state_json(const picture::step_state& x);

/// Prints the steps as a tree. Of elements that have not ended, and of those that failed, at most `most` of each step.
void print_flow(const std::vector<picture::step_state>& steps, std::size_t most);

} // namespace muster::cli
