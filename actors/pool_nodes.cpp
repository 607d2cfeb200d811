#include "actors/pool_nodes.hpp"

#include "actors/pool_addresses.hpp"

#include <algorithm>
#include <utility>

namespace muster {

namespace {

/// Who is in a network of that node is not reached from others, and has no other address there.
bool is_isolated(const pool_node& x) {
  return !x.is_local && maker_of_networks(x.offered) != nullptr && x.address.empty();
}

/// Of those that would be in a network there.
std::size_t largest_gang(const pool_state& state, const std::string& node) {
  const auto found = state.nodes.find(node);
  return found == state.nodes.end() || !found->second.networks ? node_state::any_size
                                                               : found->second.networks->largest_group();
}

node_state state_of(const pool_state& state, const pool_node& x) {
  const auto& total = x.offered.total;
  auto out = make_node(x.name, {total.cpu, total.memory, total.storage}, total.gpus, state.config.oversubscribe);
  out.platform = x.platform;
  out.labels = x.labels;
  out.gpu_links = x.gpu_links;
  out.condition = x.condition;
  out.isolated = is_isolated(x);
  if (x.offered.besides.empty()) // Else not all are in networks there.
    out.largest_gang = largest_gang(state, x.name);
  return out;
}

/// As far as it matters where a gang could ever have places.
bool offers_the_same(const pool_node& a, const pool_node& b) {
  const auto& x = a.offered.total;
  const auto& y = b.offered.total;
  return x.cpu == y.cpu && x.memory == y.memory && x.storage == y.storage && x.gpus == y.gpus &&
         a.platform == b.platform && a.labels == b.labels && is_isolated(a) == is_isolated(b);
}

/// The head's own machine, if that is all that there is.
const pool_node* only_local_node(const pool_state& state) {
  const bool is_alone = state.nodes.size() == 1 && state.nodes.begin()->second.what->is_local;
  return is_alone ? state.nodes.begin()->second.what.get() : nullptr;
}

} // namespace

bool join_node(pool_state& state, pool_node_ptr node) {
  const auto largest_before = largest_gang(state, node->name);
  set_up_networks(state, *node);
  state.queue.join(state_of(state, *node));
  auto& known = state.nodes[node->name];
  const bool has_changed =
      known.what && (!offers_the_same(*known.what, *node) || largest_gang(state, node->name) != largest_before);
  if (!known.what || has_changed || known.condition == node_condition::gone)
    ++state.offers;
  state.has_changed = state.has_changed || has_changed;
  if (known.condition == node_condition::gone)
    --state.leaving; // It has come back before all had let go of it.
  known.condition = node->condition;
  known.why = node->why;
  if (known.condition == node_condition::ready)
    known.vacated.clear();
  known.what = std::move(node);
  widen_nodes(state, state.at_least);
  return has_changed;
}

bool set_node_condition(pool_state& state, const std::string& name, node_condition x, std::string why) {
  const auto found = state.nodes.find(name);
  if (found == state.nodes.end())
    return false;
  found->second.condition = x;
  found->second.why = std::move(why);
  state.leaving += std::size_t{x == node_condition::gone};
  forget_nodes(state); // As the queue does: it knows no holders of one that it has forgotten.
  state.queue.set_condition(name, x);
  return true;
}

void forget_nodes(pool_state& state) {
  if (state.leaving == 0)
    return;
  state.leaving = 0;
  for (auto at = state.nodes.begin(); at != state.nodes.end();) {
    const bool leaves = at->second.condition == node_condition::gone;
    const bool is_held = leaves && !state.queue.holders_of(at->first).empty();
    state.leaving += std::size_t{is_held};
    at = leaves && !is_held ? state.nodes.erase(at) : std::next(at);
  }
}

std::string missing_node(const pool_state& state, const placement_request& request) {
  for (const auto& x : request.held)
    if (!x.node.empty() && state.nodes.count(x.node) == 0)
      return x.node;
  return {};
}

std::string only_node_of(const pool_state& state, const caf::strong_actor_ptr& executor) {
  std::string found;
  for (const auto& [name, x] : state.nodes)
    if (x.what->executor == executor) {
      if (!found.empty())
        return {};
      found = name;
    }
  return found;
}

void widen_nodes(pool_state& state, const node_amounts& at_least) {
  auto& all = state.at_least;
  all = {std::max(all.cpu, at_least.cpu), std::max(all.memory, at_least.memory),
         std::max(all.storage, at_least.storage)};
  if (only_local_node(state) != nullptr)
    state.queue.widen(all);
}

bool starts_ahead(const pool_state& state) {
  const auto* node = only_local_node(state);
  return node != nullptr && node->offered.starts_after;
}

std::string why_no_gpus(const pool_state& state) {
  std::string why;
  for (const auto& [name, x] : state.nodes) {
    if (!x.what->offered.total.gpus.empty())
      return {};
    if (why.empty())
      why = x.what->offered.no_gpus_because;
  }
  return why;
}

} // namespace muster
