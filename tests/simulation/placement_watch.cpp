#include "placement_watch.hpp"

#include "actors/pool_terms.hpp"
#include "actors/pool_why.hpp"

#include <algorithm>
#include <string>

namespace muster::simulation {

namespace {

using client = pool_state::client;

bool holds_places(const client& x) {
  return x.since != caf::actor_clock::time_point{} || !x.where.empty();
}

gang members_of(const pool_state& pool, gang_key key, const client& x) {
  if (x.early != 0) // What it asks for was not taken up yet.
    return gang_of(pool, *x.layout, pool.early.at(x.early).what.members);
  const auto first = x.layout->tasks(name_of(key).group).first.value;
  std::vector<task_index> members;
  for (const auto position : x.who.positions)
    members.push_back(task_index{first + position});
  return gang_of(pool, *x.layout, members, x.avoids);
}

std::int64_t places_on(const node_state& node, const resource_request& each) {
  const auto& excluded = each.nodes_excluded;
  if (node.name.empty() || node.condition != node_condition::ready ||
      std::find(excluded.begin(), excluded.end(), node.name) != excluded.end())
    return 0;
  auto out = std::min({node.free.cpu / each.cpu, node.free.memory / each.memory, node.free.storage / each.storage});
  if (each.gpu > 0)
    out = std::min(out, static_cast<std::int64_t>(node.free_gpus.size()) / each.gpu);
  return std::max<std::int64_t>(out, 0);
}

bool has_room(const pool_state& pool, const gang& who) {
  std::int64_t places = 0;
  for (const auto& node : pool.queue.nodes())
    places += places_on(node, who.front());
  return places >= static_cast<std::int64_t>(who.size());
}

bool is_kept_for(const pool_state& pool, gang_key key) {
  const auto why = pool.queue.explain(key);
  return why && why->cause == wait_cause::preemption;
}

/// Whether so many may run in parallel with all others that do, or for whom others end.
bool may_run_beside(const pool_state& pool, gang_key key, std::size_t members) {
  for (const auto& [other, x] : pool.clients)
    if (other != key && (holds_places(x) || is_kept_for(pool, other)))
      members += x.who.positions.size();
  return pool.config.max_parallel == 0 || members <= pool.config.max_parallel;
}

bool can_run(const pool_state& pool, gang_key key, const gang& who) {
  return has_room(pool, who) && may_run_beside(pool, key, who.size());
}

/// Somebody else waits in the queue to whom the room may belong, because others end for it or it may come first.
bool has_rival(const pool_state& pool, gang_key key, queue_time now) {
  const auto own = pool.clients.at(key).terms.priority;
  const auto step = pool.config.policy->age_step;
  return std::any_of(pool.clients.begin(), pool.clients.end(), [&](const auto& other) {
    const auto& [name, x] = other;
    const bool is_raised = step.count() > 0 && now - x.asked >= step;
    return name != key && x.early == 0 && !holds_places(x) &&
           (x.terms.priority <= own || is_raised || is_kept_for(pool, name));
  });
}

/// What is wrong with a gang in the queue that waits; empty if nothing is.
std::string wrong_wait(const pool_state& pool, gang_key key, queue_time now, std::size_t depth = 0) {
  const auto found = pool.clients.find(key);
  if (found == pool.clients.end() || holds_places(found->second))
    return "is behind one that does not wait";
  const auto who = members_of(pool, key, found->second);
  if (!can_run(pool, key, who))
    return {};
  const auto why = pool.queue.explain(key);
  if (!why)
    return "is in no queue";
  // Others may end for the sake of a quota, too.
  const bool has_quota = who.front().gpu > 0 && !pool.config.policy->quotas.empty();
  if (has_quota && (why->cause == wait_cause::quota || why->cause == wait_cause::preemption))
    return {};
  if (why->cause == wait_cause::preemption && (depth > 0 || has_rival(pool, key, now)))
    return {};
  if (why->cause != wait_cause::reservation || !why->ahead || depth > pool.clients.size())
    return "says: " + text_of(*why);
  return wrong_wait(pool, *why->ahead, now, depth + 1);
}

std::string name_in_words(gang_key key) {
  const auto who = name_of(key);
  return "group " + std::to_string(who.group.value) + " of workflow " + std::to_string(who.workflow.value);
}

/// The same for one that is not in the queue yet.
std::string wrong_wait(const pool_state& pool, const pool_state::early_request& x) {
  const auto why = why_kept(pool, x);
  if (why && why->cause != "more_nodes")
    return {};
  return "is not looked at" + (why ? ": " + why->text : std::string{});
}

/// Who has and wants what, for the trace.
std::string listing(const pool_state& pool) {
  std::string out = " at most " + std::to_string(pool.config.max_parallel) + " in parallel, " +
                    std::to_string(pool.config.policy->quotas.size()) + " quotas";
  for (const auto& x : pool.queue.nodes())
    out += "\n  node " + x.name + " is " + to_string(x.condition) + ", free: " + std::to_string(x.free.cpu) + " of " +
           std::to_string(x.total.cpu) + " CPUs, " + std::to_string(x.free_gpus.size()) + " GPUs";
  for (const auto& [key, x] : pool.clients) {
    const auto who = members_of(pool, key, x);
    const auto why = pool.queue.explain(key);
    out += "\n  " + name_in_words(key) + ", " + to_string(x.terms.priority) + " of " + x.terms.user + ", " +
           std::to_string(who.size()) + " x " + std::to_string(who.front().cpu) + " CPUs and " +
           std::to_string(who.front().gpu) + " GPUs: " +
           (why ? std::string{to_string(why->cause)} + ": " + text_of(*why)
                : std::string{holds_places(x) ? "has places" : "is in no queue"});
    if (why && why->ahead)
      out += ", " + name_in_words(*why->ahead);
  }
  return out;
}

} // namespace

void placement_watch::look_at(const pool_state& pool, queue_time now) {
  std::int64_t asked = 0;
  for (const auto& [key, x] : pool.clients) {
    if (!x.layout)
      continue;
    const auto who = members_of(pool, key, x);
    if (holds_places(x)) {
      for (const auto& one : who)
        asked += one.cpu;
      continue;
    }
    if (!x.avoids.empty() && x.early == 0 && now > x.avoids_until && !is_kept_for(pool, key)) {
      // What it is told then may come behind all that a head has missed that stood still.
      constexpr std::size_t patience = 200;
      if (++overdue_[key] > patience)
        return all_.violate(name_in_words(key) + " avoids nodes for too long");
    } else {
      overdue_.erase(key);
    }
    if (why_nothing_is_placed(pool) || !can_run(pool, key, who))
      continue;
    const auto problem = x.early != 0 ? wrong_wait(pool, pool.early.at(x.early)) : wrong_wait(pool, key, now);
    if (problem.empty())
      continue;
    all_.say("the pool:" + listing(pool));
    return all_.violate(name_in_words(key) + " waits although there is room for it: it " + problem);
  }
  std::int64_t held = 0;
  for (const auto& node : pool.queue.nodes())
    held += node.total.cpu - node.free.cpu;
  if (asked != held)
    all_.violate("gangs hold " + std::to_string(asked) + " CPUs, and " + std::to_string(held) + " are booked");
}

} // namespace muster::simulation
