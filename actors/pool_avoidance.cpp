#include "actors/pool_avoidance.hpp"

#include "actors/pool_rules.hpp"
#include "actors/pool_terms.hpp"
#include "actors/pool_why.hpp"

#include <caf/all.hpp>

#include <chrono>

namespace muster {

namespace {

/// To ask all anew takes a while where many wait, so what is due within this time is done in one go.
constexpr std::chrono::seconds together{1};

/// Whether these members fit nodes that they need not avoid and that take gangs, or soon will, were they empty.
bool fits_elsewhere(const pool_state& state, const plan& layout, const std::vector<task_index>& members,
                    std::vector<std::string> not_there, const gang_terms& terms) {
  constexpr std::size_t most_named = 64; // Each of the members names them all.
  for (const auto& [name, x] : state.nodes)
    if (x.condition != node_condition::ready && x.condition != node_condition::suspect && not_there.size() < most_named)
      not_there.push_back(name);
  return !state.queue.lacks_nodes(gang_of(state, layout, members, not_there), terms);
}

bool fits_elsewhere(const pool_state& state, gang_key key, const pool_state::client& x) {
  const auto terms = terms_of(state, *x.layout, x.terms, x.at_most, x.who.group_size);
  return terms && fits_elsewhere(state, *x.layout, members_of(key, x), x.avoids, *terms);
}

/// Those ask for places on any node, and hear what they wait for.
void take_any_node(pool_pointer self, const std::vector<gang_key>& those) {
  auto& state = self->state;
  ask_all_anew(self);
  for (const auto key : those)
    if (auto why = state.queue.why_waiting(key))
      tell(self, state.clients.at(key), delayed_atom::value, *std::move(why));
}

} // namespace

gang choose_nodes(pool_pointer self, const placement_request& request, const plan& layout, const gang_terms& terms) {
  auto& state = self->state;
  if (request.avoid.empty() || !fits_elsewhere(state, layout, request.members, request.avoid, terms))
    return gang_of(state, layout, request.members);
  const std::chrono::seconds how_long{request.avoid_for};
  const auto key = key_of(request.workflow, request.group);
  auto& client = state.clients[key];
  client.avoids = request.avoid;
  client.avoids_until = self->clock().now() + how_long;
  state.avoiding.insert(key);
  self->delayed_send(self, how_long, internal_atom::value, place_atom::value);
  return gang_of(state, layout, request.members, request.avoid);
}

void end_avoiding(pool_pointer self) {
  auto& state = self->state;
  const auto due = self->clock().now() + together;
  std::vector<gang_key> ended;
  bool is_late = false;
  for (auto at = state.avoiding.begin(); at != state.avoiding.end();) {
    const auto found = state.clients.find(*at);
    const auto why = found == state.clients.end() ? std::nullopt : state.queue.explain(*at);
    if (!why || found->second.avoids.empty()) { // It does not wait any more, or for a network.
      at = state.avoiding.erase(at);
      continue;
    }
    auto& x = found->second;
    const bool is_due = x.avoids_until <= due;
    if (why->cause == wait_cause::preemption) { // Others end for it already: that shall not be for nothing.
      is_late = is_late || is_due;
      ++at;
    } else if (is_due || !fits_elsewhere(state, *at, x)) {
      x.avoids.clear();
      ended.push_back(*at);
      at = state.avoiding.erase(at);
    } else {
      ++at;
    }
  }
  if (!ended.empty())
    take_any_node(self, ended);
  if (is_late)
    self->delayed_send(self, together, internal_atom::value, place_atom::value);
}

std::string what_is_avoided(const pool_state::client& x) {
  if (x.avoids.empty())
    return {};
  std::string out = x.avoids.size() == 1 ? "; for now not on node " : "; for now on none of nodes ";
  for (const auto& node : x.avoids)
    out.append(&node == &x.avoids.front() ? "" : ", ").append(node);
  return out + ", where it could not be prepared";
}

} // namespace muster
