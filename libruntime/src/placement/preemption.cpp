#include "placement/gang_queue_state.hpp"

#include "placement/victim_search.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace muster {

std::vector<preemption> gang_queue::state::preempt(std::size_t limit) {
  constexpr std::size_t most_tried = 256; // Each is a what-if.
  std::vector<preemption> found;
  std::vector<bool> blocked(firm_blocked.size());
  std::size_t tried = 0;
  count_capacity();
  order.start(now);
  while (found.size() < limit && tried < most_tried && !low.empty()) {
    const auto number = order.next();
    if (!number)
      break;
    auto& line = lines[*number];
    const bool firm = line.terms.priority != gang_priority::low && !blocked[line.quota];
    // Nobody passes whoever waits for a guarantee.
    if (firm && !quotas.guarantees(line.quota, line.gpus())) {
      blocked[line.quota] = true;
      continue;
    }
    const auto winner = line.waiting.front().second;
    auto victims = gangs_to_preempt_for(line, firm, tried);
    if (!victims.empty()) {
      auto& e = entries[winner];
      stop_waiting(winner, e);
      keep_places(winner, e, victims);
      order.granted();
      found.push_back({winner, std::move(victims)});
    } else if (winner == head) {
      keep_plan_from_others();
    }
  }
  lift_restriction();
  return found;
}

std::vector<gang_key> gang_queue::state::gangs_to_preempt_for(queue_line& line, bool may, std::size_t& tried) {
  if (!may || (line.not_preempting_at == gains.now() && line.not_preempting_behind == head))
    return {};
  ++tried;
  auto victims = victim_search{*this, line}.run();
  if (victims.empty()) {
    line.not_preempting_at = gains.now();
    line.not_preempting_behind = head;
  }
  return victims;
}

/// The nodes that the first one waits for are not to be had by preemption, until `lift_restriction`.
void gang_queue::state::keep_plan_from_others() {
  if (plan.number == 0 && !head_waits_for_slots)
    make_plan();
  constexpr auto all = std::int64_t{1} << 60U;
  for (const auto& [node, spare] : plan.spare) {
    held_down.emplace_back(node, node_room{all, all, all, all});
    nodes.free().change(node, negative(held_down.back().second));
  }
}

/// From now on the winner waits for nothing but the ends of these.
void gang_queue::state::keep_places(gang_key winner, queue_entry& e, const std::vector<gang_key>& victims) {
  auto& line = lines[e.line];
  auto& free = nodes.free();
  const auto mark = free.mark();
  for (const auto victim : victims)
    nodes.vacate(lines[entries[victim].line].who.who, entries[victim].where);
  kept_places x;
  x.since = now;
  x.nodes = nodes.choose(line.who).value_or(node_choice{});
  free.roll_back(mark);
  for (std::size_t i = 0; i < x.nodes.size(); ++i)
    free.change(x.nodes[i], negative(need_of(line.who.who[i])));
  for (const auto victim : victims) {
    auto& v = entries[victim];
    low.erase({v.since, victim});
    v.stage = gang_stage::ending;
    winner_of[victim] = winner;
    x.until_gone.insert(victim);
  }
  quotas.add(line.quota, line.terms.priority, line.gpus());
  members_kept += line.who.who.size();
  if (lacks_room_only(line)) { // No room does without the ends of these.
    x.tried_elsewhere = gains.now();
    x.tried_behind = head_that_waits();
  }
  kept[winner] = std::move(x);
  e.stage = gang_stage::reserved;
  ++waiting;
  ++changes;
  if (held_down.empty()) // Else they are away from what the first one waits for.
    plan = {};
}

/// Nothing is kept for a gang any more.
void gang_queue::state::drop_kept(gang_key winner) {
  const auto at = kept.find(winner);
  const auto& line = lines[entries[winner].line];
  for (std::size_t i = 0; i < at->second.nodes.size(); ++i) {
    nodes.free().change(at->second.nodes[i], need_of(line.who.who[i]));
    gains.add(at->second.nodes[i]);
  }
  for (const auto victim : at->second.until_gone)
    winner_of.erase(victim);
  quotas.add(line.quota, line.terms.priority, -line.gpus());
  members_kept -= line.who.who.size();
  kept.erase(at);
  ++changes;
}

void gang_queue::state::victim_gone(gang_key victim) {
  const auto at = winner_of.find(victim);
  if (at == winner_of.end())
    return;
  kept[at->second].until_gone.erase(victim);
  winner_of.erase(at);
}

/// Whether there is room for a gang on its nodes as they are, whatever else is kept there.
bool gang_queue::state::is_free_for(const prepared_gang& who, const node_choice& chosen) const {
  std::map<std::uint32_t, node_room> needs;
  for (std::size_t i = 0; i < chosen.size(); ++i)
    needs[chosen[i]] = plus(needs[chosen[i]], need_of(who.who[i]));
  return std::all_of(needs.begin(), needs.end(), [&](const auto& x) { return within(x.second, nodes.room(x.first)); });
}

/// A winner could run beside its victims, were there room: it counts already.
bool gang_queue::state::lacks_room_only(const queue_line& line) const {
  const bool slots = !policy.max_parallel || members_placed + members_kept <= *policy.max_parallel;
  return slots && (line.gpus() == 0 || quotas.left(line.quota, gang_priority::low) >= 0);
}

/// As `candidates` has it, but that GPUs which are kept for one count as its quota's already.
bool gang_queue::state::comes_before(const queue_entry& a, const queue_entry& b) {
  count_capacity();
  const auto level = [this](const queue_entry& e) {
    return order.level_of(lines[e.line].terms.priority, e.since, now);
  };
  if (level(a) != level(b))
    return level(a) < level(b);
  if (level(a) == 0)
    return a.arrival < b.arrival;
  const auto rank = [this](const queue_entry& e) {
    const auto& line = lines[e.line];
    return std::make_tuple(quotas.ratio(line.quota), shares.of(lines.user_of(line), now), e.arrival);
  };
  return rank(a) < rank(b);
}

/// Others than its victims have left room that does for the winner: where its places are kept, or where none are. Not
/// what the first one waits for, unless the winner came before it.
std::optional<node_choice> gang_queue::state::choose_elsewhere(gang_key winner) {
  auto& x = kept[winner];
  const auto number = entries[winner].line;
  auto& line = lines[number];
  if (!lacks_room_only(line)) {
    x.tried_elsewhere = never_tried;
    return std::nullopt;
  }
  const auto first = head_that_waits();
  if (x.tried_behind == first &&
      gains.nothing_since(x.tried_elsewhere, [&](std::uint32_t n) { return of_use(number, n); }))
    return std::nullopt;
  x.tried_elsewhere = gains.now();
  x.tried_behind = first;
  auto& free = nodes.free();
  // Nobody loses what is kept for it already.
  if (std::all_of(x.nodes.begin(), x.nodes.end(), [&](auto n) { return within(node_room{}, free.free(n)); }))
    return x.nodes;
  const auto keep = [&](bool kept_back) {
    for (std::size_t i = 0; i < x.nodes.size(); ++i) {
      const auto need = need_of(line.who.who[i]);
      free.change(x.nodes[i], kept_back ? negative(need) : need);
    }
  };
  keep(false);
  if (first && !head_waits_for_slots && !comes_before(entries[winner], entries[*first])) {
    if (plan.number == 0)
      make_plan();
    restrict_to_spare();
  }
  const auto mark = free.mark();
  auto chosen = nodes.choose(line.who);
  free.roll_back(mark);
  lift_restriction();
  keep(true);
  return chosen;
}

/// Whether its victims, or others that hold places where it is to be, are still to go, and have the time to.
bool gang_queue::state::may_wait_on(const kept_places& x) const {
  if (policy.leave_within.count() > 0 && now - x.since >= policy.leave_within)
    return false;
  const auto is_in_the_way = [&](const auto& leaving) {
    const auto& where = entries.at(leaving.first).where;
    return std::any_of(where.begin(), where.end(), [&](const member_place& p) {
      return std::find(x.nodes.begin(), x.nodes.end(), p.node) != x.nodes.end();
    });
  };
  return !x.until_gone.empty() || std::any_of(winner_of.begin(), winner_of.end(), is_in_the_way);
}

/// Nothing is kept for a winner any more: it waits as before.
void gang_queue::state::wait_again(gang_key winner) {
  auto& e = entries[winner];
  stop_waiting(winner, e);
  wait(winner, e);
}

/// Grants those whose places were kept and are free now, or who have others meanwhile. Should the places not be free,
/// because of what was restored or changed since or because somebody does not go, they wait as before.
void gang_queue::state::grant_kept(std::vector<grant>& grants, std::size_t limit) {
  std::vector<gang_key> winners;
  winners.reserve(kept.size());
  for (const auto& [winner, x] : kept)
    winners.push_back(winner);
  for (const auto winner : winners) {
    if (grants.size() == limit)
      return;
    auto& e = entries[winner];
    auto& line = lines[e.line];
    const auto& x = kept[winner];
    auto chosen =
        x.until_gone.empty() && is_free_for(line.who, x.nodes) ? std::optional{x.nodes} : choose_elsewhere(winner);
    if (!chosen) {
      if (!may_wait_on(x))
        wait_again(winner);
      continue;
    }
    stop_waiting(winner, e);
    for (std::size_t i = 0; i < chosen->size(); ++i)
      nodes.free().change((*chosen)[i], negative(need_of(line.who.who[i])));
    const auto giver = hold(winner, e, nodes.settle(line.who, *chosen));
    grants.push_back({winner, e.where, giver});
  }
}

} // namespace muster
