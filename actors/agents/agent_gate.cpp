#include "actors/agents/agent_gate.hpp"

#include "actors/agents/node_rows.hpp"
#include "actors/context.hpp"
#include "actors/errors.hpp"
#include "actors/node.hpp"
#include "actors/protocol/type_ids.hpp"
#include "muster/base/log.hpp"

#include <caf/all.hpp>

#include <algorithm>
#include <utility>
#include <vector>

namespace muster::agent {

namespace {

std::string names_of(const joinable_pools& pools) {
  std::string out;
  for (const auto& [name, ignored] : pools)
    out += (out.empty() ? "" : ", ") + name;
  return out;
}

using label_map = std::map<std::string, std::string>;

/// Those of `wanted` that it does not carry; empty if it carries all.
std::string lacks(const hello& who, const label_map& wanted) {
  std::string out;
  for (const auto& [key, value] : wanted)
    if (const auto found = who.labels.find(key); found == who.labels.end() || found->second != value)
      out.append(out.empty() ? "" : ", ").append(key).append(1, '=').append(value);
  return out;
}

/// The pool of an agent that names none: the one that asks for most of what it carries.
result<std::string> pool_by_labels(const joinable_pools& pools, const hello& who) {
  std::vector<std::string> best;
  std::size_t most = 0;
  for (const auto& [name, x] : pools) {
    if (x.node_labels.size() < most || !lacks(who, x.node_labels).empty())
      continue;
    if (x.node_labels.size() > most)
      best.clear();
    most = x.node_labels.size();
    best.push_back(name);
  }
  if (best.size() == 1)
    return best.front();
  return error{ec::invalid_argument, "node " + who.node + " names no pool, and by its labels " +
                                         (best.empty() ? "none takes it" : "it could join several") +
                                         ": say which (--pool), of " + names_of(pools)};
}

/// Whoever names no pool stays where it was, if that pool still takes it: others may have been made since.
std::string pool_of_former(const gate_setup& setup, const joinable_pools& pools, const hello& who) {
  const auto before = setup.joined_before ? setup.joined_before(who) : std::string{};
  const auto found = pools.find(before);
  return found != pools.end() && lacks(who, found->second.node_labels).empty() ? before : std::string{};
}

/// What is wrong with whoever says that. Before all else, so that strangers hear nothing of what there is.
result<void> check(const gate_setup& setup, const hello& who) {
  if (who.version != protocol_version)
    return {ec::unsupported, "this head speaks version " + std::to_string(protocol_version) +
                                 " of the protocol for agents, and the agent of node " + who.node + " version " +
                                 std::to_string(who.version) + ": install the same Muster on both"};
  if (!is_node_name(who.node))
    return {ec::invalid_argument,
            "'" + who.node.substr(0, 80) + "' is no name for a node: letters, digits, '-', '_' and '.', at most 253"};
  if (who.node == own_node)
    return {ec::invalid_argument, "'" + who.node + "' is the head's own machine: give the node another name (--node)"};
  if (who.memory.empty())
    return {ec::invalid_argument, "node " + who.node + " does not say what it remembers by"};
  return setup.admit(who);
}

/// The pool that it names, or by itself stays in or belongs to.
result<std::string> choose_pool(const gate_setup& setup, const joinable_pools& pools, const hello& who) {
  if (!who.pool.empty())
    return who.pool;
  if (pools.size() == 1)
    return pools.begin()->first;
  if (auto former = pool_of_former(setup, pools, who); !former.empty())
    return former;
  return pool_by_labels(pools, who);
}

/// Finds its pool, and what is wrong with it there.
result<fleet_actor> settle(const gate_setup& setup, hello& who) {
  if (auto right = check(setup, who); !right)
    return right.failure();
  const auto pools = setup.pools();
  auto chosen = choose_pool(setup, pools, who);
  if (!chosen)
    return chosen.failure();
  who.pool = *std::move(chosen);
  const auto found = pools.find(who.pool);
  if (found == pools.end())
    return error{ec::not_found, no_such_pool(who.pool).message + "; there are: " + names_of(pools)};
  if (const auto lacking = lacks(who, found->second.node_labels); !lacking.empty())
    return error{ec::invalid_argument,
                 "node " + who.node + " lacks labels that nodes of pool " + who.pool + " carry (--label): " + lacking};
  return found->second.fleet;
}

} // namespace

gate_actor::behavior_type agent_gate(kept_actor<gate_actor::stateful_base<gate_state>>* self, gate_setup setup) {
  auto& state = self->state;
  state.setup = std::move(setup);
  self->keep(state.setup.may_end);
  if (state.setup.on_failure)
    guard(self, "agent_gate", state.setup.on_failure);
  return {
      [self, &state](hello_atom hi, hello& who, const agent_link& link) -> caf::result<welcome, fleet_link> {
        const auto fleet = settle(state.setup, who);
        if (!fleet) {
          log::warn("fleet", "agent refused", {{"node", who.node.substr(0, 80)}, {"why", fleet.failure().message}});
          return to_caf(fleet.failure());
        }
        who.token.clear();
        auto answer = self->make_response_promise<welcome, fleet_link>();
        const auto pool = who.pool;
        self->request(caf::actor_cast<gate_actor>(*fleet), caf::infinite, hi, std::move(who), link)
            .then([answer](const welcome& x, const fleet_link& to) mutable { answer.deliver(x, to); },
                  [answer, pool](caf::error& why) mutable {
                    // Its pool was removed meanwhile.
                    answer.deliver(why == caf::sec::request_receiver_down ? to_caf(no_such_pool(pool))
                                                                          : std::move(why));
                  });
        return answer;
      },
  };
}

} // namespace muster::agent
