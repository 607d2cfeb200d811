#include "placement/gang_queue_state.hpp"

#include <algorithm>
#include <utility>

namespace muster {

namespace {

bool is_same(const std::vector<topology_key>& a, const std::vector<topology_key>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const auto& x, const auto& y) { return x.key == y.key && x.label == y.label; });
}

bool names_topology(const gang& who) {
  return std::any_of(who.begin(), who.end(), [](const auto& x) { return !x.topologies.empty(); });
}

} // namespace

std::vector<ruled_out_gang> gang_queue::set_policy(queue_policy policy, const asks_anew& asks) {
  const auto before = std::exchange(state_, std::make_unique<state>(std::move(policy)));
  return state_->take_over(*before, asks);
}

/// All that `before` knew, but for what followed from its policy.
std::vector<ruled_out_gang> gang_queue::state::take_over(state& before, const asks_anew& asks) {
  now = before.now;
  next_arrival = before.next_arrival;
  plans = before.plans;
  changes = before.changes + 1;
  for (const auto& [winner, x] : before.kept) {
    const auto& who = before.lines[before.entries[winner].line].who.who;
    for (std::size_t i = 0; i < x.nodes.size(); ++i)
      before.nodes.free().change(x.nodes[i], need_of(who[i]));
  }
  nodes = std::move(before.nodes);
  nodes.set_topology(policy.topology_keys);
  holders = std::move(before.holders);
  promises = before.promises;
  count_capacity();
  take_over_shares(before);
  take_over_holders(before, asks);

  std::vector<std::pair<std::uint64_t, gang_key>> waited;
  for (const auto& [key, e] : before.entries)
    if (!e.has_places())
      waited.emplace_back(e.arrival, key);
  std::sort(waited.begin(), waited.end());
  std::vector<ruled_out_gang> out;
  for (const auto& [arrival, key] : waited) {
    const auto& was = before.entries.at(key);
    auto anew = asks(key);
    auto why = anew ? std::nullopt : std::make_optional(anew.failure().message);
    const bool is_promised = promises.giver_of(key).has_value();
    if (anew && !is_promised)
      why = ruled_out(nodes.prepare(anew->who, anew->terms.strategy, anew->terms.group_size), anew->terms);
    if (why && !is_promised) {
      promises.leave(key);
      out.push_back({key, *std::move(why)});
      continue;
    }
    auto& e = enter(key, was, anew ? *std::move(anew) : gang_request{}, before);
    ++waiting;
    if (was.stage == gang_stage::reserved)
      take_over_kept(key, e, before);
    if (e.stage == gang_stage::waits)
      lines.push(e.line, {e.arrival, key}, e.since);
  }
  return out;
}

/// What users held counts on under the quota of the same name.
void gang_queue::state::take_over_shares(const state& before) {
  constexpr double forgotten = 1e-3;
  for (const auto& x : before.lines.users()) {
    const auto past = before.shares.past(x, now);
    if (past < forgotten)
      continue;
    if (const auto quota = quotas.find(before.quotas[x.quota].name))
      lines.remember(x.name, *quota, past, now);
  }
}

/// A gang that was there before; it asks for what it did if nothing is said now.
queue_entry& gang_queue::state::enter(gang_key key, const queue_entry& was, gang_request asks, const state& before) {
  const auto& old = before.lines[was.line];
  if (asks.who.empty()) {
    asks = {old.who.who, old.terms};
    asks.terms.quota.clear();
  }
  auto text = text_of(asks.who, asks.terms);
  const auto known = lines.find(text);
  const auto quota = quotas.find(asks.terms.quota).value_or(0);
  const auto number =
      known ? *known
            : lines.add(std::move(text), nodes.prepare(std::move(asks.who), asks.terms.strategy, asks.terms.group_size),
                        asks.terms, quota);
  lines.enter(number);
  lines[number].promised_until = std::max(lines[number].promised_until, old.promised_until);
  auto& e = entries[key];
  e = was;
  e.line = number;
  return e;
}

void gang_queue::state::take_over_holders(const state& before, const asks_anew& asks) {
  std::set<gang_key> all; // In an order, as sums of shares depend on it.
  for (const auto& [key, e] : before.entries)
    if (e.has_places())
      all.insert(key);
  for (const auto key : all) {
    auto anew = asks(key);
    const auto& e = enter(key, before.entries.at(key), anew ? *std::move(anew) : gang_request{}, before);
    const auto& line = lines[e.line];
    members_placed += e.where.size();
    quotas.add(line.quota, line.terms.priority, line.gpus());
    shares.add(lines.user_of(line), line.who.root.sum, now);
    if (line.terms.priority == gang_priority::low && e.stage == gang_stage::holds)
      low.emplace(e.since, key);
  }
}

/// Others are ending for it already: its places stay kept if it would be given them now, else it waits as before.
void gang_queue::state::take_over_kept(gang_key winner, queue_entry& e, const state& before) {
  const auto& x = before.kept.at(winner);
  const auto& line = lines[e.line];
  const auto& old = before.lines[before.entries.at(winner).line];
  const bool asks_the_same =
      text_of(line.who.who) == text_of(old.who.who) &&
      (is_same(policy.topology_keys, before.policy.topology_keys) || !names_topology(line.who.who));
  if (!asks_the_same || !may_stay_kept(line, x)) {
    e.stage = gang_stage::waits;
    return;
  }
  for (std::size_t i = 0; i < x.nodes.size(); ++i)
    nodes.free().change(x.nodes[i], negative(need_of(line.who.who[i])));
  for (const auto victim : x.until_gone)
    winner_of[victim] = winner;
  quotas.add(line.quota, line.terms.priority, line.gpus());
  members_kept += line.who.who.size();
  auto& stays = kept[winner] = x;
  stays.tried_elsewhere = never_tried;
}

/// Whether there is a right to its places once its victims have gone.
bool gang_queue::state::may_stay_kept(const queue_line& line, const kept_places& x) const {
  std::int64_t gpus = 0;
  std::size_t members = 0;
  for (const auto victim : x.until_gone) {
    const auto& e = entries.at(victim);
    const auto& v = lines[e.line];
    gpus += v.quota == line.quota ? v.gpus() : 0;
    members += e.where.size();
  }
  const bool slots =
      !policy.max_parallel || members_placed + members_kept + line.who.who.size() <= *policy.max_parallel + members;
  const bool quota = line.gpus() == 0 || (quotas.guarantees(line.quota, line.gpus()) &&
                                          // Not a sum: what is left may be without bound.
                                          quotas.left(line.quota, gang_priority::low) >= line.gpus() - gpus);
  return slots && quota;
}

} // namespace muster
