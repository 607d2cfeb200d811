#include "actors/pool_report.hpp"

#include "actors/pool_addresses.hpp"
#include "actors/pool_setup.hpp"
#include "actors/pool_why.hpp"

#include <utility>

namespace muster {

namespace {

capacity to_capacity(const node_amounts& x, std::vector<std::uint32_t> gpus) {
  return {x.cpu, x.memory, x.storage, std::move(gpus)};
}

void add(capacity& to, const capacity& x) {
  to.cpu += x.cpu;
  to.memory += x.memory;
  to.storage += x.storage;
  to.gpus.insert(to.gpus.end(), x.gpus.begin(), x.gpus.end());
}

/// What is known of the others may be wrong by now.
bool is_there(node_condition x) {
  return x == node_condition::ready || x == node_condition::cordoned || x == node_condition::draining;
}

/// Why nothing can be done on any of its nodes, of which there are some; empty if on one it can.
std::string why_out_of_reach(const pool_state& state) {
  std::size_t suspect = 0;
  std::size_t lost = 0;
  for (const auto& [name, x] : state.nodes) {
    if (is_there(x.condition))
      return {};
    suspect += x.condition == node_condition::suspect ? 1 : 0;
    lost += x.condition == node_condition::lost ? 1 : 0;
  }
  if (suspect + lost == 0)
    return {};
  std::string out = "none of its nodes can be reached: ";
  if (suspect > 0)
    out += std::to_string(suspect) + " suspect";
  if (lost > 0)
    out += (suspect > 0 ? ", " : "") + std::to_string(lost) + " lost";
  return out;
}

/// Likewise of a pool that has none.
std::string why_without_nodes(const pool_state& state) {
  const bool agents_may_join = state.unavailable.empty() && state.config.may_grow;
  return agents_may_join ? "it has no nodes: none has joined, or all have left" : state.unavailable;
}

} // namespace

pool_view_ptr view_of(const pool_state& state) {
  auto x = std::make_shared<pool_view>();
  x->name = state.config.name;
  x->is_default = state.config.is_default;
  x->max_parallel = state.config.max_parallel;
  x->oversubscribe = state.config.oversubscribe;
  x->maintenance = state.config.policy->maintenance;
  x->policy = state.config.policy;
  x->waiting_gangs = state.early.size();
  for (const auto& [arrival, kept] : state.early)
    x->waiting_for_nodes += waits_for_nodes(state, kept) ? 1 : 0;
  x->reason = state.has_node() ? why_out_of_reach(state) : why_without_nodes(state);
  x->available = state.has_node() && x->reason.empty();
  if (state.nodes.empty())
    return x;
  const auto& offered = state.nodes.begin()->second.what->offered;
  x->driver = offered.driver;
  x->version = offered.version;
  const auto without_network = waiting_for_networks(state);
  x->waiting_gangs += state.queue.waiting() + without_network;
  x->placed_gangs = state.queue.holding() - without_network;
  x->placed_tasks = state.queue.members_placed();
  for (const auto& node : state.queue.nodes()) {
    if (node.name.empty())
      continue; // It left.
    const auto& known = state.nodes.at(node.name);
    node_view y;
    y.name = node.name;
    y.pool = state.config.name;
    y.available = node.condition == node_condition::ready;
    y.condition = to_string(node.condition);
    y.reason = y.available || !known.why.empty() ? known.why : y.condition;
    y.address = known.what->address;
    y.platform = node.platform;
    y.labels = node.labels;
    y.drivers.emplace_back(known.what->offered.driver, known.what->offered.version);
    for (const auto& other : known.what->offered.besides)
      y.drivers.emplace_back(other.driver, other.version);
    y.total = to_capacity(node.total, node.gpus);
    y.free = to_capacity(node.free, node.free_gpus);
    y.machine = {known.what, &known.what->offered.machine};
    if (is_there(node.condition))
      add(x->total, y.total);
    if (y.available)
      add(x->free, y.free);
    x->nodes.push_back(std::move(y));
  }
  return x;
}

} // namespace muster
