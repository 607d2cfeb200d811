#pragma once

#include "muster/base/array_view.hpp"
#include "muster/base/result.hpp"
#include "muster/spec/model.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

/// Which gang fits where, and why not. Values only: whoever owns the nodes calls `place`, then `take`.
namespace muster {

/// What one member asks of its node.
struct resource_request {
  std::int64_t cpu = 1;
  std::int64_t gpu = 0;
  std::int64_t memory = std::int64_t{1} << 30U;  ///< Bytes.
  std::int64_t storage = std::int64_t{1} << 30U; ///< Bytes.
  std::string platform;                          ///< Empty: any.
  std::vector<std::string> nodes_excluded;
};

/// The request that a resource of a spec stands for; unset fields take their default.
[[nodiscard]] resource_request request_of(const spec::resource& x);

/// The requests of tasks that get their places together or not at all.
using gang = std::vector<resource_request>;

/// Amounts of what can be shared out in any portion. Bytes for memory and storage.
struct node_amounts {
  std::int64_t cpu = 0;
  std::int64_t memory = 0;
  std::int64_t storage = 0;
};

/// A node, and what is left of it.
struct node_state {
  std::string name;
  std::string platform; ///< Empty: takes requests for any platform.
  std::map<std::string, std::string> labels;
  node_amounts total;
  node_amounts free;                    ///< Negative after a `take` beyond what is free.
  std::vector<std::uint32_t> gpus;      ///< All indices, ascending.
  std::vector<std::uint32_t> free_gpus; ///< Ascending.
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

/// A place for every member, or why there is none now. Big members choose first, each the node it fills best; the same
/// gang and nodes always give the same answer. Takes nothing.
[[nodiscard]] std::variant<assignment, no_place> place(const gang& who, const std::vector<node_state>& nodes);

/// Why this gang would not even have a place if all nodes were empty; nothing if it would. Also refuses what asks for
/// no CPU, memory or storage, or for less than no GPU.
[[nodiscard]] std::optional<std::string> never_fits(const gang& who, const std::vector<node_state>& nodes);

/// Books an assignment. It need not fit (a gang that runs already is booked whatever is free).
void take(const gang& who, const assignment& where, std::vector<node_state>& nodes);

/// The inverse of `take`.
void give_back(const gang& who, const assignment& where, std::vector<node_state>& nodes);

} // namespace muster
