#pragma once

#include "actors/pool.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

/// Which addresses the members of gangs have. A gang that is whole on a node whose executor makes networks has those of
/// a network there, as has a task alone there. Else each member has that of its node if that has one; else a loopback
/// address of its own.
namespace muster {

/// Which members of which group ask, by their positions in the whole of it.
[[nodiscard]] group_part part_of(const plan& layout, const placement_request& request);

/// A node is to be as this says from now on, which may be new: what its networks are made of. What is held of them
/// stays booked.
void set_up_networks(pool_state& state, const pool_node& as);

/// Whether every member has the address that it wants.
[[nodiscard]] bool all_have_addresses(const pool_state::client& x);

/// Finds out which node's networks a gang at these places is to have addresses of, and what for.
void choose_network(pool_state& state, gang_key key, pool_state::client& x, const assignment& where);

/// Others wait for what it wants from the network that was chosen.
[[nodiscard]] bool others_wait(const pool_state& state, const pool_state::client& x);

/// Gives the members of `x`, which are at these places, the addresses that they lack; false if there are none now. Its
/// network was chosen.
[[nodiscard]] bool give_addresses(pool_state& state, pool_state::client& x, const assignment& where);

/// Waits behind those who do.
void join_line(pool_state& state, gang_key key, const pool_state::client& x);

/// Books what members hold already, as after a restart.
void restore_addresses(pool_state& state, gang_key key, pool_state::client& x, const assignment& where,
                       const std::vector<placed_member>& held);

/// Gives back the addresses that a gang has, or its place among those who wait for some.
void give_back_addresses(pool_state& state, gang_key key, const pool_state::client& x);

/// How many gangs have places and wait for a network.
[[nodiscard]] std::size_t waiting_for_networks(const pool_state& state);

/// What one of those waits for, for people.
[[nodiscard]] std::string why_no_network(const pool_state& state, const pool_state::client& x);

/// Why the network that was chosen can never have room for it; nothing if it can.
[[nodiscard]] std::optional<std::string> never_has_network(const pool_state& state, const pool_state::client& x);

/// Why a group of this size can have no network, whatever is free; nothing if it can, or may come to other nodes.
[[nodiscard]] std::optional<std::string> never_has_network(const pool_state& state, std::uint32_t group_size);

} // namespace muster
