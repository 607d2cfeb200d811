#pragma once

#include "muster/placement/prepared_gang.hpp"
#include "muster/placement/wait_reason.hpp"

#include <string>
#include <vector>

/// What a gang lacks. Private to placement.
namespace muster {

/// The node has the labels that the request names.
[[nodiscard]] bool carries_labels(const resource_request& x, const node_state& node);
/// The request does not want this node.
[[nodiscard]] bool excludes(const resource_request& x, const node_state& node);

/// `2 CPUs, 1 GPU, 1 GiB of memory, 1 GiB of storage`.
[[nodiscard]] std::string describe(const resource_request& x);

/// What a gang lacks that got as far as `failed`, on the node that lacks least: those that its first members fill lack
/// nothing, and are named only if there are no others. With `ever` as if all nodes were empty and took gangs. Leaves
/// out what only its queue knows.
[[nodiscard]] wait_reason shortfall_of(const prepared_gang& x, const failed_choice& failed,
                                       const std::vector<node_state>& nodes, const std::vector<topology_key>& keys,
                                       bool ever);

} // namespace muster
