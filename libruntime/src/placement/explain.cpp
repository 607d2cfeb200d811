#include "placement/gang_queue_state.hpp"

#include <algorithm>
#include <utility>

namespace muster {

namespace {

constexpr std::size_t most_holders = 8;

} // namespace

std::optional<wait_reason> gang_queue::state::explain(gang_key key) {
  const auto at = entries.find(key);
  if (at == entries.end() || at->second.has_places())
    return std::nullopt;
  const auto& e = at->second;
  wait_reason why;
  if (e.stage == gang_stage::reserved) {
    const auto& left = kept[key].until_gone;
    why.cause = wait_cause::preemption;
    why.members = why.members_fit = lines[e.line].who.who.size();
    for (auto victim = left.begin(); victim != left.end() && why.holders.size() < most_holders; ++victim)
      why.holders.push_back(*victim);
  } else {
    why = explain_line(lines[e.line]);
    why.position = position_of(e);
    if (why.cause == wait_cause::reservation && why.ahead == key) {
      why.cause = wait_cause::order;
      why.ahead.reset();
    }
  }
  why.waiting = waiting;
  return why;
}

/// What holds for all gangs of a line; found out once for each change.
const wait_reason& gang_queue::state::explain_line(queue_line& line) {
  if (line.explained_at == changes)
    return line.explanation;
  line.explained_at = changes;
  auto& why = line.explanation;
  why = {};
  why.members = line.who.who.size();
  const bool firm = line.terms.priority != gang_priority::low;
  if (!has_slots(why.members)) {
    const auto limit = static_cast<std::int64_t>(*policy.max_parallel);
    const auto held = static_cast<std::int64_t>(members_placed + members_kept);
    why.cause = wait_cause::parallel;
    why.lacks = {{resource_kind::slot, static_cast<std::int64_t>(why.members), limit - held, limit}};
  } else if (!quotas.allow(line.quota, line.terms.priority, line.gpus())) {
    why.cause = wait_cause::quota;
    why.subject = quotas[line.quota].name;
    why.lacks = {{resource_kind::gpu, line.gpus(), quotas.left(line.quota, line.terms.priority),
                  quotas.limit(line.quota, line.terms.priority)}};
  } else if (auto lacking = nodes.why_not(line.who)) {
    why = *std::move(lacking);
    if (const auto winner = kept_from(line)) {
      why.cause = wait_cause::reservation;
      why.ahead = winner;
    }
  } else if (line.gpus() > 0 && (all_blocked[line.quota] || (firm && firm_blocked[line.quota]))) {
    why.cause = wait_cause::quota;
    why.subject = quotas[line.quota].name;
  } else {
    why.cause = head ? wait_cause::reservation : wait_cause::order;
    why.ahead = head;
  }
  why.holders = holders_near(why, line);
  line.explanation_text = text_of(why);
  return why;
}

/// One of those that places are kept for while others end, if a line would have places without them.
std::optional<gang_key> gang_queue::state::kept_from(queue_line& line) {
  if (kept.empty())
    return std::nullopt;
  auto& free = nodes.free();
  const auto mark = free.mark();
  for (const auto& [winner, x] : kept)
    for (std::size_t i = 0; i < x.nodes.size(); ++i)
      free.change(x.nodes[i], need_of(lines[entries[winner].line].who.who[i]));
  const auto chosen = nodes.choose(line.who);
  free.roll_back(mark);
  if (!chosen)
    return std::nullopt;
  const auto is_there = [&](std::uint32_t n) { return std::find(chosen->begin(), chosen->end(), n) != chosen->end(); };
  for (const auto& [winner, x] : kept)
    if (std::any_of(x.nodes.begin(), x.nodes.end(), is_there))
      return winner;
  return std::nullopt;
}

/// A quota is waited for that has room below its maximum: what LOW holds does not count then.
bool gang_queue::state::guarantee_is_short(const wait_reason& x, const queue_line& line) const {
  if (line.terms.priority == gang_priority::low)
    return false;
  return x.lacks.empty() ? !all_blocked[line.quota] : quotas.allow(line.quota, gang_priority::low, line.gpus());
}

/// Who hold what is waited for: places on the node that lacks least, GPUs of the quota, or any place.
std::vector<gang_key> gang_queue::state::holders_near(const wait_reason& x, const queue_line& line) const {
  std::vector<gang_key> found;
  const bool firm_only = x.cause == wait_cause::quota && guarantee_is_short(x, line);
  const auto add = [&](const std::vector<gang_key>& here) {
    for (auto key = here.begin(); key != here.end() && found.size() < most_holders; ++key) {
      const auto& other = lines[entries.at(*key).line];
      const bool counts = x.cause != wait_cause::quota || (other.quota == line.quota && other.gpus() > 0 &&
                                                           !(firm_only && other.terms.priority == gang_priority::low));
      if (counts && std::find(found.begin(), found.end(), *key) == found.end())
        found.push_back(*key);
    }
  };
  if (x.cause == wait_cause::resources || x.cause == wait_cause::topology) {
    if (const auto node = nodes.find(x.node))
      add(holders[*node]);
  } else if (x.cause == wait_cause::quota || x.cause == wait_cause::parallel) {
    for (auto here = holders.begin(); here != holders.end() && found.size() < most_holders; ++here)
      add(*here);
  }
  return found;
}

/// How many are tried before it, and itself.
std::size_t gang_queue::state::position_of(const queue_entry& e) {
  count_capacity();
  const auto& mine = lines[e.line];
  const auto my_level = order.level_of(mine.terms.priority, e.since, now);
  const auto my_share = std::make_pair(quotas.ratio(mine.quota), shares.of(lines.user_of(mine), now));
  std::size_t ahead = 0;
  const auto count = [&](const queue_line& x, std::uint64_t before) {
    const auto end = std::lower_bound(x.waiting.begin(), x.waiting.end(), arrived{before, 0});
    if (x.gone == 0)
      return static_cast<std::size_t>(end - x.waiting.begin());
    return static_cast<std::size_t>(
        std::count_if(x.waiting.begin(), end, [this](const arrived& who) { return waits(who); }));
  };
  for (const auto& user : lines.users())
    for (const auto& fronts : user.fronts)
      for (const auto& front : fronts.all()) {
        if (front.line == front_list::gap)
          continue;
        const auto& line = lines[front.line];
        const auto level = order.level_of(line.terms.priority, front.since, now);
        const auto share = std::make_pair(quotas.ratio(user.quota), shares.of(user, now));
        const bool same_line = &line == &mine;
        const bool by_arrival = same_line || (level == my_level && (level == 0 || line.user == mine.user));
        if (!by_arrival && (level < my_level || (level == my_level && share < my_share)))
          ahead += count(line, next_arrival);
        else if (by_arrival || (level == my_level && share == my_share))
          ahead += count(line, e.arrival);
      }
  return ahead + 1;
}

} // namespace muster
