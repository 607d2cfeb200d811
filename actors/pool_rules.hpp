#pragma once

#include "actors/pool_grants.hpp"

/// The rules of a POOL, while it works.
namespace muster {

/// What its queue goes by.
[[nodiscard]] queue_policy queue_policy_for(const pool_config& x);

/// All that are in the queue ask for what they ask for now, by the policy as it is now: they keep their turn and what
/// they have waited. Who may have no place at all by it is refused. `grant_waiting` afterwards.
void ask_all_anew(pool_pointer self);

/// Goes by other rules. Who waits and may have no place by them, be it that none is right for it or that its quota has
/// too few, is refused with the reason; in a pool that may grow, who would fit more nodes is put off, and its group
/// asks again. Whoever can have a place now has none yet.
void take_rules(pool_pointer self, const pool_rules& x);

} // namespace muster
