#include "placement/gang_queue_state.hpp"

#include <utility>

namespace muster {

std::vector<grant> gang_queue::state::poll(std::size_t limit) {
  std::vector<grant> grants;
  grant_kept(grants, limit);
  firm_blocked.assign(firm_blocked.size(), false);
  all_blocked.assign(all_blocked.size(), false);
  const auto before = std::exchange(head, std::nullopt);
  order.start(now);
  while (grants.size() < limit) {
    const auto number = order.next();
    if (!number) {
      if (!head)
        set_head(std::nullopt, false);
      lift_restriction();
      return grants;
    }
    auto& line = lines[*number];
    const auto key = line.waiting.front().second;
    auto where = admit(line);
    if (!where)
      continue;
    auto& e = entries[key];
    stop_waiting(e);
    hold(key, e, std::move(*where));
    grants.push_back({key, e.where});
    order.granted();
  }
  lift_restriction();
  if (!head)
    head = before;
  return grants;
}

/// The front of a line has its turn.
std::optional<assignment> gang_queue::state::admit(queue_line& line) {
  if (!quota_allows(line))
    return std::nullopt;
  if (head)
    return place_behind_head(line);
  const bool slots = has_slots(line);
  if (slots)
    if (auto where = place_freely(line))
      return where;
  set_head(line.waiting.front().second, !slots);
  return std::nullopt;
}

/// Whoever comes when all that wait had their turn.
std::optional<assignment> gang_queue::state::admit_newcomer(queue_line& line) {
  if (!line.waiting.empty() || !quota_allows(line) || !has_slots(line))
    return std::nullopt;
  if (!head)
    return place_freely(line);
  const auto at = entries.find(*head);
  if (at == entries.end() || at->second.stage != gang_stage::waits)
    return std::nullopt;
  const auto& first = at->second;
  if (order.level_of(line.terms.priority, now, now) <
      order.level_of(lines[first.line].terms.priority, first.since, now))
    return place_freely(line);
  auto where = place_behind_head(line);
  lift_restriction();
  return where;
}

std::optional<assignment> gang_queue::state::place_freely(queue_line& line) {
  if (certainly_fails(line))
    return std::nullopt;
  auto where = nodes.place(line.who);
  if (!where)
    line.failed_at = gains.now();
  return where;
}

/// It had no place, and nothing that it could use was given back since.
bool gang_queue::state::certainly_fails(queue_line& line) {
  return gains.nothing_since(line.failed_at, [&](std::uint32_t n) { return nodes.has_room(line.who, n); });
}

/// Whoever waits for GPUs of a quota is not passed by others that want some of it.
bool gang_queue::state::quota_allows(const queue_line& line) {
  if (line.gpus() == 0)
    return true;
  const bool firm = line.terms.priority != gang_priority::low;
  if (all_blocked[line.quota] || (firm && firm_blocked[line.quota]))
    return false;
  if (quotas.allow(line.quota, line.terms.priority, line.gpus()))
    return true;
  if (firm && !quotas.guarantees(line.quota, line.gpus()))
    firm_blocked[line.quota] = true;
  else
    all_blocked[line.quota] = true;
  return false;
}

bool gang_queue::state::has_slots(const queue_line& line) const {
  return !policy.max_parallel || members_placed + members_kept + line.who.who.size() <= *policy.max_parallel;
}

} // namespace muster
