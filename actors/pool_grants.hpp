#pragma once

#include "actors/pool.hpp"

#include <utility>

/// How a POOL gives places to gangs.
namespace muster {

using pool_pointer = pool_actor::stateful_pointer<pool_state>;

/// Tells the group of a gang, unless it has not asked yet.
template <class Verb, class What>
void tell(pool_pointer self, const pool_state::client& x, Verb verb, What what) {
  if (x.group)
    self->send(x.group, verb, x.ticket, std::move(what));
}

/// It has no place, and will have none unless it asks again.
void refuse(pool_pointer self, gang_key key, ec code, std::string why);

/// The gang of `key` has places: it gets its lease once it has addresses as well.
void take_places(pool_pointer self, gang_key key, assignment where);

/// Serves those who wait for a network, oldest first.
void serve_networks(pool_pointer self);

/// Gives places to those who wait, as far as there are any.
void grant_waiting(pool_pointer self);

/// Has the POOL see soon, and not too often, whether somebody should make way for those who wait.
void look_for_victims(pool_pointer self);

/// Asks all who hold places on a node to leave it, and whoever is booked there from now on, until it takes gangs again.
void vacate(pool_pointer self, const std::string& node, const std::string& why);

/// Asks gangs of LOW priority to make way where others would then really have places.
void make_way(pool_pointer self);

} // namespace muster
