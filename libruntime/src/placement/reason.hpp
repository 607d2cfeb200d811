#pragma once

#include "muster/placement/placement.hpp"

#include <string>
#include <vector>

/// Why a request has no place, in words. Private to placement.
namespace muster {

/// Platform and exclusions let the request onto the node.
[[nodiscard]] bool may_use(const resource_request& x, const node_state& node);

/// `2 CPUs, 1 GPU, 1 GiB of memory, 1 GiB of storage`.
[[nodiscard]] std::string describe(const resource_request& x);

/// What the request lacks, on the node that lacks least: `waiting for 2 CPUs: 1 of 4 free on node local`; with `ever`
/// measured against whole nodes: `needs 8 CPUs: node local has 4`.
[[nodiscard]] std::string shortage(const resource_request& x, const std::vector<node_state>& nodes, bool ever);

} // namespace muster
