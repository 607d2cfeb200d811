#pragma once

#include "muster/placement/node_index.hpp"
#include "muster/placement/placement.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace muster {

/// The room that a request needs.
[[nodiscard]] inline node_room need_of(const resource_request& x) noexcept {
  return {x.gpu, x.cpu, x.memory, x.storage};
}

/// Members of a gang that ask for the same.
struct member_shape {
  std::uint32_t first = 0; ///< One of them.
  node_room need;          ///< Of each.
  std::uint32_t platform = 0;
  std::shared_ptr<const node_mask> allowed; ///< Null for all.

  [[nodiscard]] node_filter filter(const node_mask* area) const noexcept { return {platform, allowed.get(), area}; }
};

/// Members that belong in one domain of a topology key, and those within them that belong closer together still.
struct topology_group {
  /// Those of one shape, by their positions in the gang.
  struct part {
    std::uint32_t shape = 0;
    std::vector<std::uint32_t> members;
  };
  int level = -1; ///< Position of the key, coarsest first; -1 for none.
  std::string name;
  bool required = true;
  std::vector<part> own; ///< Biggest first.
  std::vector<topology_group> parts;
  node_room sum; ///< All of it.
};

/// A gang, looked through once so that it can be tried often. Made by `cluster::prepare`.
struct prepared_gang {
  gang who;
  std::size_t group_size = 0; ///< Members of its network: `who`, or more.
  placement_strategy strategy = placement_strategy::pack;
  std::vector<member_shape> shapes; ///< Biggest first.
  topology_group root;
  std::uint32_t platform = 0; ///< That of all members; 0 if they differ.
  node_room largest;          ///< No member needs more of anything.
  node_room smallest;         ///< No member needs less of anything.
  bool one_kind = true;       ///< All may use the same nodes.
  std::string unknown_key;    ///< A required topology key that the pool does not have.
  std::uint64_t made_for = 0; ///< The set of nodes that `allowed` is about.
};

/// Equal for equal requests only.
[[nodiscard]] std::string text_of(const resource_request& x);
[[nodiscard]] std::string text_of(const gang& who);

/// The node of each member of a gang, in its order.
using node_choice = std::vector<std::uint32_t>;

/// How far a gang got that has no place.
struct failed_choice {
  std::size_t placed = 0;  ///< Members that would have had one.
  std::uint32_t shape = 0; ///< Of the first that had none.
  int level = -1;          ///< The topology key that no single domain has room under; -1 for none.
  /// The domain in which that was so; null for all nodes. Lasts as long as the nodes are the same.
  const node_mask* area = nullptr;
};

} // namespace muster
