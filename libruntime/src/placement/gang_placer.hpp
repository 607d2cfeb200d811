#pragma once

#include "muster/placement/node_index.hpp"
#include "muster/placement/prepared_gang.hpp"

#include <optional>
#include <vector>

/// The search for places. Private to placement.
namespace muster {

/// Domains of each topology key.
using topology_domains = std::vector<std::vector<node_mask>>;

/// A node for each member of a gang.
class gang_placer {
public:
  /// All must outlive it.
  gang_placer(node_index& index, const prepared_gang& who, const topology_domains& domains);

  /// Takes the room of every member off the index; takes nothing if there is not room for all.
  [[nodiscard]] std::optional<node_choice> run();

  /// How far it got, if it failed.
  [[nodiscard]] const failed_choice& failed() const noexcept { return failed_; }

private:
  using same_members = topology_group::part;

  [[nodiscard]] bool place(const topology_group& x, const node_mask* area);
  [[nodiscard]] bool place_on_isolated_node();
  [[nodiscard]] bool has_domains(const topology_group& x, std::uint32_t node) const;
  [[nodiscard]] bool place_inside(const topology_group& x, const node_mask* area);
  [[nodiscard]] bool place_spilling(const topology_group& x, const node_mask* area);
  [[nodiscard]] bool place_on_one_node(const topology_group& x, const node_mask* area);
  [[nodiscard]] bool place_spread(const topology_group& x, const node_mask* area);
  [[nodiscard]] std::vector<const node_mask*> domains_for(const topology_group& x, const node_mask* area,
                                                          bool fit) const;
  /// Places members of `x` from `next` on, as many as have room; says which is the first that has none.
  [[nodiscard]] std::size_t fill(const same_members& x, std::size_t next, const node_mask* area);
  /// The most members of `shape`, at most `limit`, that one node has room for, and that node.
  [[nodiscard]] std::pair<std::uint32_t, std::int64_t> fullest(const member_shape& shape, std::int64_t limit,
                                                               const node_mask* area) const;
  /// The nodes of `area` that may have all members, of which those of `shape` are some.
  [[nodiscard]] node_filter whole_filter(const member_shape& shape, const node_mask* area) const;
  /// The nodes of `area` that members of `shape` may share with others elsewhere.
  [[nodiscard]] node_filter filter(const member_shape& shape, const node_mask* area) const;
  void put(const same_members& x, std::size_t from, std::int64_t count, std::uint32_t node);
  [[nodiscard]] bool fail(std::uint32_t shape, const node_mask* area, int level = -1);

  node_index& index_;
  const prepared_gang& who_;
  const topology_domains& domains_;
  const bool spans_; ///< Members on different nodes are to reach each other, and not all nodes permit it.
  node_choice nodes_;
  std::size_t placed_ = 0;
  failed_choice failed_;
};

} // namespace muster
