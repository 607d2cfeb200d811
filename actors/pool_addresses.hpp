#pragma once

#include "actors/pool.hpp"

/// Which addresses the members of gangs have: that of their node if it has one; else one of a network where executors
/// make networks; else a loopback address of their own.
namespace muster {

/// Which members of which group ask, by their positions in the whole of it, and what for.
[[nodiscard]] group_part part_of(const pool_state& state, const plan& layout, const placement_request& request);

/// Those who wait for the same kind of network.
[[nodiscard]] pool_state::network_line& network_line_of(pool_state& state, const pool_state::client& x);

/// Whether every member has the address that it wants.
[[nodiscard]] bool all_have_addresses(const pool_state::client& x);

/// Gives the members of `x`, which are at these places, the addresses that they lack; false if there are none now.
[[nodiscard]] bool give_addresses(pool_state& state, pool_state::client& x, const assignment& where);

/// Books what members hold already, as after a restart.
void restore_addresses(pool_state& state, pool_state::client& x, const assignment& where,
                       const std::vector<placed_member>& held);

/// Gives back the addresses that a gang has, or its place among those who wait for some.
void give_back_addresses(pool_state& state, gang_key key, const pool_state::client& client);

} // namespace muster
