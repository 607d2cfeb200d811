#pragma once

#include "muster/placement/prepared_gang.hpp"

#include <vector>

/// Topology: which members belong together, and which nodes are near each other. Private to placement.
namespace muster {

/// What one member wishes, in the order of the pool's keys.
struct topology_wish {
  int level = 0;
  std::string group;
  bool required = true;
};

/// The wishes of a request for keys that the pool has. `unknown` gets a required key that it has not; a pool without
/// keys takes all its nodes for one domain.
[[nodiscard]] std::vector<topology_wish> wishes_of(const resource_request& x, const std::vector<topology_key>& keys,
                                                   std::string& unknown);

/// Puts the biggest shapes first, and renumbers.
void sort_shapes(std::vector<member_shape>& shapes, std::vector<std::uint32_t>& shape_of);

/// Groups the members. The groups of finer keys are told apart by those of the coarser ones: `rack` group `a` within
/// `zone` group `x` is another than within `y`. `shape_of` and `wishes` are by member.
[[nodiscard]] topology_group group_members(const std::vector<std::vector<topology_wish>>& wishes,
                                           const std::vector<std::uint32_t>& shape_of,
                                           const std::vector<member_shape>& shapes);

/// The domains of each key. A finer domain lies within one of each coarser key, so equal values elsewhere are others.
[[nodiscard]] std::vector<std::vector<node_mask>> domains_of(const std::vector<node_state>& nodes,
                                                             const std::vector<topology_key>& keys);

} // namespace muster
