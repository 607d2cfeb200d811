#pragma once

#include "actors/pool.hpp"

/// The nodes of a POOL.
namespace muster {

/// A node joins, or is back with what it offers now. Whether it was known and offers something else: then who fitted
/// it may not do so any more.
bool join_node(pool_state& state, pool_node_ptr node);

/// Its condition has changed; false for a node that is not known. One that is `gone` is forgotten when nobody holds
/// places there.
bool set_node_condition(pool_state& state, const std::string& name, node_condition x, std::string why);

/// Forgets nodes that are `gone` and that nobody holds places on.
void forget_nodes(pool_state& state);

/// The name of a node that a request holds places on and that is not known; empty for none.
[[nodiscard]] std::string missing_node(const pool_state& state, const placement_request& request);

/// The node whose EXECUTOR this is, if there is just one such; empty otherwise.
[[nodiscard]] std::string only_node_of(const pool_state& state, const caf::strong_actor_ptr& executor);

/// Takes the head's own machine for at least as large as this.
void widen_nodes(pool_state& state, const node_amounts& at_least);

/// Whether attempts may be got ready behind others that run.
[[nodiscard]] bool starts_ahead(const pool_state& state);

/// Why no node has GPUs, for people; empty if one has, or nobody said.
[[nodiscard]] std::string why_no_gpus(const pool_state& state);

} // namespace muster
