#pragma once

#include "actors/agents/fleet.hpp"

#include <string>

/// What the parts of a FLEET have in common: fleet.cpp (sessions and attempts) and fleet_duties.cpp (what nodes are
/// for, and when they are gone).
namespace muster::agent {

using fleet_pointer = fleet_actor::stateful_pointer<fleet_state>;
using node = fleet_state::node;

/// Sends and tells what follows.
void apply(fleet_pointer self, node& n, const attempt_table::effects& x);
/// Tells what has become of a node.
void say(fleet_pointer self, const node& n, fleet_change::kind what, std::string why);
/// The node of that name; made if attempts were given to it before it was ever heard of by this head.
[[nodiscard]] node& known(fleet_pointer self, const std::string& name);
/// For people.
[[nodiscard]] std::string why_lost(const fleet_state& state, const node& n);
/// What a lost node was given, or is taken to have since: all where the pool does not wait for it, else what is forced
/// to end.
void give_up(fleet_pointer self, node& n);

/// What a node is for from now on.
[[nodiscard]] caf::result<service_answer> assign(fleet_pointer self, const service_change_ptr& what);
/// A node that is gone for good.
[[nodiscard]] caf::result<service_answer> remove_node(fleet_pointer self, const std::string& name, bool force);
/// Lets nobody in any more, if nobody is here.
[[nodiscard]] caf::result<service_answer> close_fleet(fleet_pointer self);
/// Strikes a node off that is to be, as soon as nothing that it was given is needed here.
void strike_off_if_done(fleet_pointer self, node& n);
/// What runs longer than a drain may take makes way.
void vacate_if_due(fleet_pointer self, node& n);
/// Forgets nodes that nobody has noted, and that nothing is left of.
void forget_unknown(fleet_state& state);

} // namespace muster::agent
