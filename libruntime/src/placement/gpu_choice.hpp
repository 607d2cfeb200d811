#pragma once

#include "muster/placement/placement.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

/// Which GPUs of a node. Private to placement.
namespace muster {

/// `count` free GPUs of a node, neighbours together: of the group of neighbours that is left with the fewest, if one
/// has enough; else whole groups, the largest first. In the order of groups, so that whoever deals them out deals
/// neighbours. Fewer if fewer are free.
[[nodiscard]] std::vector<std::uint32_t> choose_gpus(const node_state& node, std::size_t count);

} // namespace muster
