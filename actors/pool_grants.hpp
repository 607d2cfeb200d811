#pragma once

#include "actors/pool.hpp"

/// How a POOL gives places to gangs.
namespace muster {

using pool_pointer = pool_actor::stateful_pointer<pool_state>;

/// The gang of `key` has places: it gets its lease once it has addresses as well.
void take_places(pool_pointer self, gang_key key, assignment where);

/// Serves those who wait for a network, oldest first.
void serve_networks(pool_pointer self);

/// Gives places to those who wait, as far as there are any.
void grant_waiting(pool_pointer self);

} // namespace muster
