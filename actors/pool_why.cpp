#include "actors/pool_why.hpp"

#include "actors/pool_addresses.hpp"
#include "actors/pool_avoidance.hpp"
#include "actors/pool_nodes.hpp"
#include "actors/pool_terms.hpp"
#include "muster/base/bounded_sum.hpp"

#include <algorithm>
#include <utility>

namespace muster {

namespace {

/// What the queue says.
group_wait wait_of(const wait_reason& why) {
  group_wait out;
  out.cause = to_string(why.cause);
  out.text = text_of(why);
  out.placement = why;
  if (why.ahead)
    out.ahead = name_of(*why.ahead);
  for (const auto holder : why.holders)
    out.holders.push_back(name_of(holder));
  return out;
}

/// What becomes of those who hold places on a node that cannot be reached.
std::string fate_on(const pool_state& state, node_condition x) {
  if (!state.config.gives_up_after)
    return "what runs there, and how it ends, is known when the node is back; a forced cancel gives it up once the "
           "node is lost";
  if (x == node_condition::lost)
    return "what ran there is given up";
  return "what runs there goes on if the node comes back, and is given up once it was away for " +
         std::to_string(state.config.gives_up_after->count()) + " s";
}

/// It has places on a node that cannot be reached: whatever is to become of it there waits.
std::optional<group_wait> unheard_of(const pool_state& state, gang_key key) {
  for (const auto& [name, x] : state.nodes) {
    if (x.condition != node_condition::suspect && x.condition != node_condition::lost)
      continue;
    const auto holders = state.queue.holders_of(name);
    if (std::find(holders.begin(), holders.end(), key) == holders.end())
      continue;
    group_wait out;
    out.cause = "node";
    out.text = "holds places on node " + name + ", which is " + to_string(x.condition) +
               (x.why.empty() ? std::string{} : " (" + x.why + ")") + ": " + fate_on(state, x.condition);
    return out;
  }
  return std::nullopt;
}

/// It holds places that it is to leave.
std::optional<group_wait> making_way(const pool_state::client& x) {
  if (x.leaves.empty())
    return std::nullopt;
  return group_wait{{}, "leaving", "makes way: " + x.leaves + "; its places are free once it has ended", {}, {}, {}};
}

std::optional<group_wait> wait_of(const pool_state& state, gang_key key, const pool_state::client& x) {
  if (x.early != 0) {
    const auto& kept = state.early.at(x.early);
    const auto why = why_kept(state, kept);
    return group_wait{{}, why ? why->cause : "order", why ? why->text : "it is about to be looked at", kept.lacks, {},
                      {}};
  }
  if (!x.where.empty())
    return group_wait{{}, "network", why_no_network(state, x), {}, {}, {}};
  const auto why = state.queue.explain(key);
  if (const auto nothing = why ? why_nothing_is_placed(state) : std::nullopt)
    return group_wait{{}, nothing->cause, nothing->text, {}, {}, {}};
  if (why) {
    auto out = wait_of(*why);
    out.text += what_is_avoided(x);
    return out;
  }
  auto away = unheard_of(state, key);
  return away ? away : making_way(x);
}

} // namespace

gang_key key_of(workflow_key workflow, group_index group) noexcept {
  return (static_cast<gang_key>(workflow.value) << 32U) | group.value;
}

gang_name name_of(gang_key key) noexcept {
  return {{static_cast<std::int64_t>(key >> 32U)}, {static_cast<std::uint32_t>(key)}};
}

std::optional<kept_reason> why_kept(const pool_state& state, const placement_request& request) {
  if (!state.has_node()) {
    const auto& why = state.unavailable;
    if (why.empty() && state.config.may_grow)
      return kept_reason{"unavailable",
                         "pool " + state.config.name + " has no nodes: none has joined, or all have left"};
    return kept_reason{"unavailable",
                       "pool " + state.config.name + " is unavailable" + (why.empty() ? "" : ": " + why)};
  }
  if (const auto missing = missing_node(state, request); !missing.empty())
    return kept_reason{"node", "waiting for node " + missing + ", where it holds places: it has not joined yet"};
  if (!request.held.empty()) // What runs already holds its place, whatever comes.
    return std::nullopt;
  return why_nothing_is_placed(state);
}

std::optional<kept_reason> why_nothing_is_placed(const pool_state& state) {
  if (const auto& maintenance = state.config.policy->maintenance; !maintenance.empty())
    return kept_reason{"maintenance", "pool " + state.config.name + " is under maintenance: " + maintenance};
  if (!state.paused.empty())
    return kept_reason{"paused", state.paused.begin()->second};
  return std::nullopt;
}

std::optional<kept_reason> why_kept(const pool_state& state, const pool_state::early_request& x) {
  auto why = why_kept(state, x.what);
  if (!why && waits_for_nodes(state, x))
    why = why_more_nodes(state, x);
  return why;
}

bool waits_for_nodes(const pool_state& state, const pool_state::early_request& x) {
  return x.lacks && x.looked_at == state.offers;
}

kept_reason why_more_nodes(const pool_state& state, const pool_state::early_request& x) {
  const auto who = gang_of(state, *x.layout, x.what.members);
  std::int64_t gpus = 0;
  std::int64_t cpus = 0;
  for (const auto& one : who) {
    gpus = bounded_sum(gpus, one.gpu);
    cpus = bounded_sum(cpus, one.cpu);
  }
  std::size_t nodes = 0;
  std::size_t gpus_there = 0;
  std::int64_t cpus_there = 0;
  for (const auto& node : state.queue.nodes()) {
    if (node.condition == node_condition::gone || node.name.empty())
      continue;
    ++nodes;
    gpus_there += node.gpus.size();
    cpus_there += node.total.cpu;
  }
  const auto count = [](std::int64_t n, const char* what) {
    return std::to_string(n) + ' ' + what + (n == 1 ? "" : "s");
  };
  auto text = "would fit only with more nodes: asks for " + (gpus > 0 ? count(gpus, "GPU") : count(cpus, "CPU")) +
              " in " + count(static_cast<std::int64_t>(who.size()), "task") + ", the pool has " +
              count(static_cast<std::int64_t>(nodes), "node");
  if (nodes > 0)
    text += " with " + (gpus > 0 ? count(static_cast<std::int64_t>(gpus_there), "GPU") : count(cpus_there, "CPU"));
  return {"more_nodes", text + "; " + text_of(*x.lacks)};
}

wait_report_ptr why_waiting(const pool_state& state, workflow_key workflow, const std::vector<group_index>& groups) {
  auto out = std::make_shared<wait_report>();
  for (const auto group : groups) {
    const auto key = key_of(workflow, group);
    const auto found = state.clients.find(key);
    if (found == state.clients.end())
      continue;
    if (auto why = wait_of(state, key, found->second)) {
      why->group = group;
      out->groups.push_back(*std::move(why));
    }
  }
  return out;
}

} // namespace muster
