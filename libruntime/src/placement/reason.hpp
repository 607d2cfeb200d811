#pragma once

#include "muster/placement/prepared_gang.hpp"

#include <string>
#include <vector>

/// Why a request has no place, in words. Private to placement.
namespace muster {

/// The node has the labels that the request names.
[[nodiscard]] bool carries_labels(const resource_request& x, const node_state& node);
/// The request does not want this node.
[[nodiscard]] bool excludes(const resource_request& x, const node_state& node);

/// `2 CPUs, 1 GPU, 1 GiB of memory, 1 GiB of storage`.
[[nodiscard]] std::string describe(const resource_request& x);

/// What a gang lacks, on the node that lacks least: `waiting for 2 CPUs: 1 of 4 free on node local`; with `ever`
/// measured against whole nodes: `needs 8 CPUs: node local has 4`.
[[nodiscard]] std::string describe_failure(const prepared_gang& x, const failed_choice& failed,
                                           const std::vector<node_state>& nodes, const std::vector<topology_key>& keys,
                                           bool ever);

} // namespace muster
