#include "placement/gang_queue_state.hpp"

#include <algorithm>
#include <utility>

namespace muster {

namespace {

/// Calls `f` once for each node that a gang has places on.
template <class Function>
void each_node(const assignment& where, Function f) {
  if (where.size() == 1) {
    f(where.front().node);
    return;
  }
  std::vector<std::uint32_t> nodes;
  nodes.reserve(where.size());
  for (const auto& x : where)
    nodes.push_back(x.node);
  std::sort(nodes.begin(), nodes.end());
  nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
  std::for_each(nodes.begin(), nodes.end(), f);
}

} // namespace

gang_queue::state::state(queue_policy p)
    : policy(std::move(p)), nodes(policy.topology_keys), lines(policy), quotas(policy.quotas),
      shares(policy.usage_half_life), order(lines, quotas, shares, policy.age_step),
      firm_blocked(std::max<std::size_t>(policy.quotas.size(), 1)), all_blocked(firm_blocked.size()) {}

std::optional<std::string> gang_queue::state::never_fits(prepared_gang& who, const gang_terms& terms) {
  if (auto why = ruled_out(who, terms))
    return why;
  return nodes.never_fits(who);
}

std::optional<std::string> gang_queue::state::ruled_out(const prepared_gang& who, const gang_terms& terms) const {
  if (who.who.empty())
    return "a gang needs at least one task";
  if (policy.max_parallel && who.who.size() > *policy.max_parallel)
    return "has " + std::to_string(who.who.size()) + " tasks that start together: at most " +
           std::to_string(*policy.max_parallel) + " may run in parallel";
  if (auto why = cluster::ruled_out(who))
    return why;
  const auto quota = quotas.find(terms.quota);
  if (!quota)
    return "there is no quota '" + terms.quota + "'";
  const auto most = quotas.limit(*quota, terms.priority);
  if (who.root.sum.gpus == 0 || who.root.sum.gpus <= most)
    return std::nullopt;
  return "needs " + std::to_string(who.root.sum.gpus) + " GPUs: its quota " +
         (terms.priority == gang_priority::low ? "has a maximum of " : "guarantees ") + std::to_string(most) +
         (terms.priority == gang_priority::low ? "" : ", and only LOW priority may use more");
}

/// Those who wait and would not fit any more, were all nodes empty.
std::vector<gang_key> gang_queue::state::stranded() {
  std::unordered_map<std::uint32_t, bool> lines_that_fit;
  std::vector<gang_key> out;
  for (const auto& [key, e] : entries) {
    if (e.stage != gang_stage::waits)
      continue;
    const auto [at, fresh] = lines_that_fit.try_emplace(e.line, false);
    if (fresh)
      at->second = !nodes.lacks_nodes(lines[e.line].who);
    if (!at->second)
      out.push_back(key);
  }
  std::sort(out.begin(), out.end(), [this](gang_key a, gang_key b) { return entries[a].arrival < entries[b].arrival; });
  return out;
}

bool gang_queue::state::waits(const arrived& x) const {
  const auto at = entries.find(x.second);
  return at != entries.end() && at->second.stage == gang_stage::waits && at->second.arrival == x.first;
}

void gang_queue::state::wait(gang_key key, queue_entry& e) {
  e.stage = gang_stage::waits;
  lines.push(e.line, {e.arrival, key}, e.since);
  ++waiting;
}

/// A gang that has no places waits no more, nor is anything kept for it; what it is then is the caller's to say.
void gang_queue::state::stop_waiting(gang_key key, queue_entry& e) {
  --waiting;
  if (e.stage == gang_stage::reserved)
    return drop_kept(key);
  e.stage = gang_stage::reserved; // Until `clean_line` has seen that it does not wait.
  ++lines[e.line].gone;
  clean_line(e.line);
}

/// Takes those who wait no more off the front of a line, and out of its middle once they are many.
void gang_queue::state::clean_line(std::uint32_t number) {
  auto& line = lines[number];
  const auto old_front = line.waiting.front().first;
  while (!line.waiting.empty() && !waits(line.waiting.front())) {
    line.waiting.pop_front();
    --line.gone;
  }
  if (line.gone > 64 && line.gone > line.waiting.size() / 2) {
    const auto left = [this](const auto& x) { return !waits(x); };
    line.waiting.erase(std::remove_if(line.waiting.begin(), line.waiting.end(), left), line.waiting.end());
    line.gone = 0;
  }
  if (!line.waiting.empty() && line.waiting.front().first == old_front)
    return;
  lines.set_front(number, old_front, line.waiting.empty() ? now : entries[line.waiting.front().second].since);
}

/// Writes down who holds what; the nodes know already. Answers who had promised it a place that it does not need now.
std::optional<gang_key> gang_queue::state::hold(gang_key key, queue_entry& e, assignment where) {
  auto& line = lines[e.line];
  e.stage = gang_stage::holds;
  e.since = now;
  e.where = std::move(where);
  members_placed += e.where.size();
  each_node(e.where, [&](std::uint32_t n) { holders[n].push_back(key); });
  quotas.add(line.quota, line.terms.priority, line.gpus());
  count_capacity();
  shares.add(lines.user_of(line), line.who.root.sum, now);
  if (line.terms.priority == gang_priority::low)
    low.emplace(e.since, key);
  ++changes;
  return promises.settle(key);
}

/// The inverse of `hold`, and the nodes learn it.
void gang_queue::state::let_go(gang_key key, queue_entry& e) {
  auto& line = lines[e.line];
  nodes.give_back(line.who.who, e.where);
  members_placed -= e.where.size();
  quotas.add(line.quota, line.terms.priority, -line.gpus());
  count_capacity();
  shares.add(lines.user_of(line), negative(line.who.root.sum), now);
  low.erase({e.since, key});
  each_node(e.where, [&](std::uint32_t n) {
    // Whoever ends soon came late, as a rule.
    auto& here = holders[n];
    const auto at = std::find(here.rbegin(), here.rend(), key);
    *at = here.back();
    here.pop_back();
    gains.add(n);
    forget_gone(n);
  });
}

bool gang_queue::state::withdraw(gang_key key) {
  const auto at = entries.find(key);
  if (at == entries.end())
    return false;
  auto& e = at->second;
  const auto line = e.line;
  if (e.has_places())
    let_go(key, e);
  else
    stop_waiting(key, e);
  promises.leave(key);
  victim_gone(key);
  entries.erase(at);
  lines.leave(line);
  ++changes;
  return true;
}

/// A node was set up anew: what is kept there is taken off once more, or given up if it takes no gangs now.
void gang_queue::state::node_changed(std::uint32_t node) {
  holders.resize(std::max<std::size_t>(holders.size(), node + std::size_t{1}));
  gains.forget();
  plan = {};
  ++changes;
  capacity_changed = true;
  std::vector<gang_key> losers;
  for (const auto& [winner, x] : kept) {
    const auto& who = lines[entries[winner].line].who.who;
    for (std::size_t i = 0; i < x.nodes.size(); ++i)
      if (x.nodes[i] == node)
        nodes.free().change(node, negative(need_of(who[i])));
    if (std::find(x.nodes.begin(), x.nodes.end(), node) != x.nodes.end())
      losers.push_back(winner);
  }
  if (nodes.nodes()[node].condition == node_condition::ready)
    return;
  for (const auto winner : losers)
    wait_again(winner);
}

void gang_queue::state::forget_gone(std::uint32_t node) {
  if (nodes.nodes()[node].condition != node_condition::gone || nodes.nodes()[node].name.empty() ||
      !holders[node].empty())
    return;
  nodes.forget(node);
  gains.forget();
}

/// What shares are measured by. Counted when it is asked for, as nodes come in crowds.
void gang_queue::state::count_capacity() {
  if (!std::exchange(capacity_changed, false))
    return;
  node_room all;
  for (const auto& x : nodes.nodes())
    if (x.condition != node_condition::gone)
      all = plus(all, {static_cast<std::int64_t>(x.gpus.size()), x.total.cpu, 0, 0});
  shares.set_capacity(all);
}

} // namespace muster
