#pragma once

#include "actors/pool_grants.hpp"

/// Gangs of a POOL that take others before nodes where they could not be prepared.
namespace muster {

/// What a request asks of nodes: for `avoid_for` none of those that it would avoid, if it would fit others.
[[nodiscard]] gang choose_nodes(pool_pointer self, const placement_request& request, const plan& layout,
                                const gang_terms& terms);

/// Whoever waits and has avoided nodes for long enough, or would fit no others any more, takes any from now on, and
/// keeps its turn. Whoever can have a place now has none yet.
void end_avoiding(pool_pointer self);

/// Which nodes it does not take for now, to be put behind why it waits; empty for none.
[[nodiscard]] std::string what_is_avoided(const pool_state::client& x);

} // namespace muster
