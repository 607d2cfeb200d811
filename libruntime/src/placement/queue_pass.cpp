#include "placement/gang_queue_state.hpp"

#include <utility>

namespace muster {

std::vector<grant> gang_queue::state::poll(std::size_t limit) {
  std::vector<grant> grants;
  ++changes; // Of who is first, and whom quotas block.
  grant_kept(grants, limit);
  std::size_t kept_before = 0;
  do {
    let_all_try(grants, limit);
    kept_before = kept.size();
    grant_kept(grants, limit);                                  // What the one before waited for may be theirs.
  } while (kept.size() < kept_before && grants.size() < limit); // Then others may have what was kept for them.
  return grants;
}

/// Who waits has its turn, one after the other, until `limit` is reached.
void gang_queue::state::let_all_try(std::vector<grant>& grants, std::size_t limit) {
  firm_blocked.assign(firm_blocked.size(), false);
  all_blocked.assign(all_blocked.size(), false);
  const auto before = std::exchange(head, std::nullopt);
  count_capacity();
  order.start(now);
  while (grants.size() < limit) {
    const auto number = order.next();
    if (!number) {
      if (!head)
        set_head(std::nullopt, false);
      lift_restriction();
      return;
    }
    auto where = admit(*number);
    if (!where)
      continue;
    const auto key = lines[*number].waiting.front().second;
    auto& e = entries[key];
    stop_waiting(key, e);
    const auto giver = hold(key, e, std::move(*where));
    grants.push_back({key, e.where, giver});
    order.granted();
  }
  lift_restriction();
  if (!head)
    head = before;
}

/// The front of a line has its turn.
std::optional<assignment> gang_queue::state::admit(std::uint32_t number) {
  const auto& brief = lines.brief(number);
  if (!quota_allows(brief))
    return std::nullopt;
  if (head)
    return place_behind_head(number);
  const bool slots = has_slots(brief.members);
  if (slots)
    if (auto where = place_freely(number))
      return where;
  set_head(lines[number].waiting.front().second, !slots);
  return std::nullopt;
}

/// Whoever comes when all that wait had their turn.
std::optional<assignment> gang_queue::state::admit_newcomer(std::uint32_t number) {
  const auto& brief = lines.brief(number);
  if (!lines[number].waiting.empty() || !quota_allows(brief) || !has_slots(brief.members))
    return std::nullopt;
  if (!head)
    return place_freely(number);
  if (!head_that_waits())
    return std::nullopt;
  const auto& first = entries[*head];
  if (order.level_of(brief.priority, now, now) < order.level_of(lines.brief(first.line).priority, first.since, now))
    return place_freely(number);
  auto where = place_behind_head(number);
  lift_restriction();
  return where;
}

std::optional<assignment> gang_queue::state::place_freely(std::uint32_t number) {
  if (certainly_fails(number))
    return std::nullopt;
  auto where = nodes.place(lines[number].who);
  if (!where)
    lines.brief(number).failed_at = gains.now();
  return where;
}

/// It had no place, and nothing that it could use was given back since.
bool gang_queue::state::certainly_fails(std::uint32_t number) {
  return gains.nothing_since(lines.brief(number).failed_at, [&](std::uint32_t n) { return of_use(number, n); });
}

/// Some member could have a place on that node.
bool gang_queue::state::of_use(std::uint32_t number, std::uint32_t node) {
  return within(lines.brief(number).smallest, nodes.room(node)) && nodes.has_room(lines[number].who, node);
}

/// Whoever waits for GPUs of a quota is not passed by others that want some of it.
bool gang_queue::state::quota_allows(const line_brief& x) {
  if (x.gpus == 0)
    return true;
  const bool firm = x.priority != gang_priority::low;
  if (all_blocked[x.quota] || (firm && firm_blocked[x.quota]))
    return false;
  if (quotas.allow(x.quota, x.priority, x.gpus))
    return true;
  if (firm && !quotas.guarantees(x.quota, x.gpus))
    firm_blocked[x.quota] = true;
  else
    all_blocked[x.quota] = true;
  return false;
}

bool gang_queue::state::has_slots(std::size_t members) const {
  return !policy.max_parallel || members_placed + members_kept + members <= *policy.max_parallel;
}

} // namespace muster
