#pragma once

#include "muster/spec/model.hpp"

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

/// What gangs ask for, and what nodes have. Values only.
namespace muster {

/// What one member asks of its node.
struct resource_request {
  std::int64_t cpu = 1;
  std::int64_t gpu = 0;
  std::int64_t memory = std::int64_t{1} << 30U;  ///< Bytes.
  std::int64_t storage = std::int64_t{1} << 30U; ///< Bytes.
  std::string platform;                          ///< Empty: any.
  bool platform_must_be_said = false;            ///< Nodes that say no platform are not of this one.
  std::vector<std::string> nodes_excluded;
  std::map<std::string, std::string> labels; ///< That the node must carry.
  /// Members that name the same groups for a topology key, and for all coarser ones, belong in one domain of that key.
  std::vector<spec::topology> topologies;
};

/// The request that a resource of a spec stands for; unset fields take their default.
[[nodiscard]] resource_request request_of(const spec::resource& x);

/// The requests of tasks that get their places together or not at all.
using gang = std::vector<resource_request>;

/// How the members of a gang are laid out.
enum class placement_strategy : std::uint8_t {
  pack = 1, ///< On as few nodes as possible, each the one that is left with the least.
  spread,   ///< On as many as possible, the emptiest first.
};

/// A topology key of a pool: nodes with the same value of `label` are one domain.
struct topology_key {
  std::string key; ///< As specs name it.
  std::string label;
};

/// Amounts of what can be shared out in any portion. Bytes for memory and storage.
struct node_amounts {
  std::int64_t cpu = 0;
  std::int64_t memory = 0;
  std::int64_t storage = 0;
};

/// Whether a node takes new gangs.
enum class node_condition : std::uint8_t {
  ready = 1,
  cordoned, ///< No new gangs; those that hold places go on.
  draining, ///< Likewise, and those are to end.
  suspect,  ///< It cannot be reached for now. Likewise; those that hold places there may well go on.
  lost,     ///< Nobody knows what became of it and of those that hold places there.
  gone,     ///< It left. Its position is given to another once nobody holds a place there.
};

/// `ready`, `cordoned`, ...
[[nodiscard]] const char* to_string(node_condition x) noexcept;

/// A node, and what is left of it.
struct node_state {
  std::string name;
  std::string platform; ///< Empty: of any, for requests for which it need not be said.
  std::map<std::string, std::string> labels;
  node_amounts total;
  node_amounts free;                                 ///< Negative after a booking beyond what is free.
  std::vector<std::uint32_t> gpus;                   ///< All indices, ascending.
  std::vector<std::uint32_t> free_gpus;              ///< Ascending.
  std::vector<std::vector<std::uint32_t>> gpu_links; ///< Indices that are neighbours, as by NVLink; disjoint.
  node_condition condition = node_condition::ready;
  /// Tasks there and on other nodes do not reach each other: a gang has all its members there, or none.
  bool isolated = false;
  /// The most members of a gang that the networks there have room for. Counts only while it is isolated.
  std::size_t largest_gang = any_size;

  static constexpr std::size_t any_size = std::numeric_limits<std::size_t>::max();
  /// Whether a group of so many may have all its members there, whatever is free. Who is alone needs no network.
  [[nodiscard]] bool has_network_for(std::size_t group_size) const noexcept {
    return !isolated || group_size < 2 || group_size <= largest_gang;
  }
};

/// An empty node. `oversubscribe` multiplies CPUs, memory and storage, for hosts whose tasks are light; not GPUs.
/// Must be above 0.
[[nodiscard]] node_state make_node(std::string name, node_amounts capacity, std::vector<std::uint32_t> gpus,
                                   double oversubscribe = 1.0);

/// Where one member goes.
struct member_place {
  std::uint32_t node = 0;          ///< Position in the list of nodes.
  std::vector<std::uint32_t> gpus; ///< Leased indices.
};

/// One place per member of a gang, in its order.
using assignment = std::vector<member_place>;

/// Why a gang has no place, for people: "waiting for 2 CPUs: 1 of 4 free on node local".
struct no_place {
  std::string reason;
};

/// The amounts that a node of that capacity offers when it is taken for `factor` times as large.
[[nodiscard]] node_amounts oversubscribed(const node_amounts& capacity, double factor);

} // namespace muster
