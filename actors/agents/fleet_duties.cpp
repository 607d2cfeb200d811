#include "actors/agents/fleet_parts.hpp"

#include "actors/errors.hpp"
#include "actors/protocol/type_ids.hpp"
#include "muster/base/log.hpp"

#include <caf/all.hpp>

#include <utility>

// What the nodes of a FLEET are for, and how they are given up.
namespace muster::agent {

namespace {

/// The node of that name, as one that has joined; null for none.
node* joined(fleet_state& state, const std::string& name) {
  const auto found = state.nodes.find(name);
  return found == state.nodes.end() || found->second.noted.memory.empty() ? nullptr : &found->second;
}

error no_such_node(const fleet_state& state, const std::string& name) {
  return {ec::not_found, "there is no node " + name + " in pool " + state.setup.pool};
}

void carry_out(fleet_pointer self, const store::node_assigned& x) {
  auto& n = known(self, x.name);
  n.noted.duty = x.duty;
  n.noted.reason = x.reason;
  n.noted.deadline = x.deadline;
  n.overdue = false;
  log::info("fleet", "node is assigned", {{"node", n.name}, {"duty", to_string(x.duty)}});
  if (n.ready)
    say(self, n, fleet_change::kind::ready, {});
}

void forget_node(fleet_pointer self, const std::string& name) {
  auto& state = self->state;
  for (auto at = state.where.begin(); at != state.where.end();)
    at = at->second.node == name ? state.where.erase(at) : std::next(at);
  state.nodes.erase(name);
}

} // namespace

caf::result<service_answer> assign(fleet_pointer self, const service_change_ptr& what) {
  auto& state = self->state;
  const auto* assigned = std::get_if<store::node_assigned>(what.get());
  if (assigned == nullptr)
    return to_caf({ec::internal, "this is nothing that a node can be told"});
  if (joined(state, assigned->name) == nullptr)
    return to_caf(no_such_node(state, assigned->name));
  auto answer = self->make_response_promise<service_answer>();
  self->request(state.setup.store, caf::infinite, commit_atom::value, what)
      .then(
          [self, what, assigned, answer](const service_answer& x) mutable {
            carry_out(self, *assigned);
            answer.deliver(x);
          },
          [answer](caf::error& why) mutable { answer.deliver(std::move(why)); });
  return answer;
}

void strike_off_if_done(fleet_pointer self, node& n) {
  if (!n.on_struck.pending() || n.is_being_noted || n.attempts.needed() > 0)
    return;
  n.is_being_noted = true; // Nobody joins as this node meanwhile.
  self->request(self->state.setup.store, caf::infinite, commit_atom::value,
                service_change_ptr{std::make_shared<store::service_change>(store::node_removed{n.name})})
      .then(
          [self, name = n.name](const service_answer&) {
            auto& gone = known(self, name);
            auto answer = std::move(gone.on_struck);
            const auto given_up = gone.given_up;
            log::info("fleet", "node is removed", {{"node", name}, {"pool", self->state.setup.pool}});
            say(self, gone, fleet_change::kind::removed, "node " + name + " was removed");
            forget_node(self, name);
            answer.deliver(service_answer{given_up});
          },
          [self, name = n.name](caf::error& why) {
            auto& kept = known(self, name);
            kept.is_being_noted = kept.struck = false;
            std::exchange(kept.on_struck, {}).deliver(std::move(why));
          });
}

caf::result<service_answer> remove_node(fleet_pointer self, const std::string& name, bool force) {
  auto* n = joined(self->state, name);
  if (n == nullptr)
    return to_caf(no_such_node(self->state, name));
  if (n->link)
    return to_caf({ec::conflict, "node " + name + " is here: end its agent first"});
  if (n->is_being_noted || n->on_struck.pending())
    return to_caf({ec::conflict, "node " + name + " is just joining or being removed"});
  if (!n->lost && !force && n->attempts.needed() > 0)
    return to_caf({ec::conflict, "node " + name + " may be back, and runs " + std::to_string(n->attempts.needed()) +
                                     " attempts: wait until it is lost, or force it, which gives them up"});
  n->struck = true;
  n->given_up = 0;
  n->on_struck = self->make_response_promise<service_answer>();
  const auto answer = n->on_struck;
  give_up(self, *n);
  strike_off_if_done(self, *n);
  return answer;
}

caf::result<service_answer> close_fleet(fleet_pointer self) {
  auto& state = self->state;
  forget_unknown(state);
  if (!state.nodes.empty()) {
    const auto& n = state.nodes.begin()->second;
    return to_caf(
        {ec::conflict, "pool " + state.setup.pool + " has nodes, such as " + n.name +
                           (n.noted.memory.empty() ? ", which is just joining, or of which it is not known "
                                                     "yet what became of what it was given; try again"
                                                   : ": end their agents, and remove them (muster node rm)")});
  }
  state.is_closed = true;
  return service_answer{};
}

void vacate_if_due(fleet_pointer self, node& n) {
  const bool is_due =
      n.noted.duty == store::node_duty::draining && n.noted.deadline && *n.noted.deadline <= self->state.setup.now();
  if (!is_due || std::exchange(n.overdue, true))
    return;
  log::info("fleet", "node is vacated", {{"node", n.name}, {"pool", self->state.setup.pool}});
  say(self, n, fleet_change::kind::overdue, "node " + n.name + " is being drained, and the time for that has passed");
}

void forget_unknown(fleet_state& state) {
  for (auto at = state.nodes.begin(); at != state.nodes.end();) {
    const auto& n = at->second;
    const bool is_over = n.struck && n.noted.memory.empty() && !n.link && !n.is_being_noted && n.attempts.needed() == 0;
    at = is_over ? state.nodes.erase(at) : std::next(at);
  }
}

} // namespace muster::agent
