#pragma once

#include "actors/agents/fleet.hpp"

#include <string>

/// Nodes as the store has them, and as an agent and the POOL know them. Pure functions.
namespace muster::agent {

/// Whether a node could have this name.
[[nodiscard]] bool is_node_name(const std::string& x);

/// Who says `hello`, as it is to be stored; since which lease it remembers is not known here.
[[nodiscard]] store::node_record row_of(const hello& x, timestamp now);

/// Whether a node joins with what is known of it already.
[[nodiscard]] bool has_same_offer(const store::node_record& known, const store::node_record& now);

/// Takes over what a node joined with; what it is for stays.
void take_offer(store::node_record& known, const store::node_record& now);

/// What a FLEET says of it, but for what it offers.
[[nodiscard]] fleet_change change_of(const store::node_record& x, fleet_change::kind what, std::string why);

} // namespace muster::agent
