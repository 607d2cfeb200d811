#include "actors/agents/agent_gate.hpp"

#include "actors/agents/node_rows.hpp"
#include "actors/context.hpp"
#include "actors/errors.hpp"
#include "actors/protocol/type_ids.hpp"
#include "muster/base/log.hpp"

#include <caf/all.hpp>

#include <algorithm>
#include <utility>
#include <vector>

namespace muster::agent {

namespace {

std::string names_of(const std::map<std::string, fleet_actor>& fleets) {
  std::string out;
  for (const auto& [name, ignored] : fleets)
    out += (out.empty() ? "" : ", ") + name;
  return out;
}

using label_map = std::map<std::string, std::string>;

label_map labels_of(const gate_setup& setup, const std::string& pool) {
  const auto found = setup.node_labels.find(pool);
  return found == setup.node_labels.end() ? label_map{} : found->second;
}

/// Those of `wanted` that it does not carry; empty if it carries all.
std::string lacks(const hello& who, const label_map& wanted) {
  std::string out;
  for (const auto& [key, value] : wanted)
    if (const auto found = who.labels.find(key); found == who.labels.end() || found->second != value)
      out += (out.empty() ? "" : ", ") + key + '=' + value;
  return out;
}

/// The pool of an agent that names none: the one that asks for most of what it carries.
result<std::string> pool_by_labels(const gate_setup& setup, const hello& who) {
  std::vector<std::string> best;
  std::size_t most = 0;
  for (const auto& [name, ignored] : setup.fleets) {
    const auto wanted = labels_of(setup, name);
    if (wanted.size() < most || !lacks(who, wanted).empty())
      continue;
    if (wanted.size() > most)
      best.clear();
    most = wanted.size();
    best.push_back(name);
  }
  if (best.size() == 1)
    return best.front();
  return error{ec::invalid_argument, "node " + who.node + " names no pool, and by its labels " +
                                         (best.empty() ? "none takes it" : "it could join several") +
                                         ": say which (--pool), of " + names_of(setup.fleets)};
}

/// What is wrong with whoever says that, apart from who may.
result<void> check(const gate_setup& setup, const hello& who) {
  if (who.version != protocol_version)
    return {ec::unsupported, "this head speaks version " + std::to_string(protocol_version) +
                                 " of the protocol for agents, and the agent of node " + who.node + " version " +
                                 std::to_string(who.version) + ": install the same Muster on both"};
  if (!is_node_name(who.node))
    return {ec::invalid_argument,
            "'" + who.node.substr(0, 80) + "' is no name for a node: letters, digits, '-', '_' and '.', at most 253"};
  if (who.memory.empty())
    return {ec::invalid_argument, "node " + who.node + " does not say what it remembers by"};
  if (auto may = setup.admit(who); !may)
    return may;
  if (setup.fleets.count(who.pool) == 0)
    return {ec::not_found,
            "there is no pool '" + who.pool + "' that agents can join; there are: " + names_of(setup.fleets)};
  if (const auto lacking = lacks(who, labels_of(setup, who.pool)); !lacking.empty())
    return {ec::invalid_argument,
            "node " + who.node + " lacks labels that nodes of pool " + who.pool + " carry (--label): " + lacking};
  return {};
}

/// Finds its pool, and what is wrong with it there.
result<void> settle(const gate_setup& setup, hello& who) {
  if (who.pool.empty() && setup.fleets.size() == 1)
    who.pool = setup.fleets.begin()->first;
  if (who.pool.empty()) {
    auto found = pool_by_labels(setup, who);
    if (!found)
      return found.failure();
    who.pool = *std::move(found);
  }
  return check(setup, who);
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
        if (const auto good = settle(state.setup, who); !good) {
          log::warn("fleet", "agent refused", {{"node", who.node.substr(0, 80)}, {"why", good.failure().message}});
          return to_caf(good.failure());
        }
        who.token.clear();
        auto answer = self->make_response_promise<welcome, fleet_link>();
        self->request(caf::actor_cast<gate_actor>(state.setup.fleets.at(who.pool)), caf::infinite, hi, std::move(who),
                      link)
            .then([answer](const welcome& x, const fleet_link& to) mutable { answer.deliver(x, to); },
                  [answer](caf::error& why) mutable { answer.deliver(std::move(why)); });
        return answer;
      },
  };
}

} // namespace muster::agent
