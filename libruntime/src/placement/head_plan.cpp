#include "placement/gang_queue_state.hpp"

#include <algorithm>
#include <utility>

namespace muster {

namespace {

constexpr auto never = queue_time::max();

} // namespace

void gang_queue::state::set_head(std::optional<gang_key> key, bool waits_for_slots) {
  head = key;
  if (key == last_head && waits_for_slots == head_waits_for_slots)
    return;
  last_head = key;
  head_waits_for_slots = waits_for_slots;
  passes = 0;
  plan = {};
  ++changes;
}

/// The one of the last pass may be gone since.
std::optional<gang_key> gang_queue::state::head_that_waits() const {
  const auto at = head ? entries.find(*head) : entries.end();
  return at != entries.end() && at->second.stage == gang_stage::waits ? head : std::nullopt;
}

/// A place for a gang that does not keep the first one waiting; or that does, as often as it may.
std::optional<assignment> gang_queue::state::place_behind_head(std::uint32_t number) {
  if (!has_slots(lines.brief(number).members) || certainly_fails(number))
    return std::nullopt;
  if (head_waits_for_slots) {
    auto where = passes < policy.max_passes ? place_freely(number) : std::nullopt;
    passes += std::uint32_t{where.has_value()};
    return where;
  }
  if (plan.number == 0) {
    // A plan is dear. It is made when somebody fits.
    const auto mark = nodes.free().mark();
    const bool fits = nodes.choose(lines[number].who).has_value();
    nodes.free().roll_back(mark);
    if (!fits) {
      lines.brief(number).failed_at = gains.now();
      return std::nullopt;
    }
    make_plan();
  }
  if (auto where = place_beside_plan(number))
    return where;
  const bool in_time = ends_in_time(lines[number]);
  if (!in_time && !may_delay_head(lines[number]))
    return std::nullopt;
  lift_restriction();
  auto where = place_freely(number);
  passes += std::uint32_t{where && !in_time};
  return where;
}

std::optional<assignment> gang_queue::state::place_beside_plan(std::uint32_t number) {
  auto& brief = lines.brief(number);
  const auto useful = [&](std::uint32_t n) { return of_use(number, n); };
  if (brief.failed_behind == plan.number && gains.nothing_since(brief.failed_behind_at, useful))
    return std::nullopt;
  restrict_to_spare();
  auto& line = lines[number];
  const auto chosen = nodes.choose(line.who);
  if (!chosen) {
    brief.failed_behind = plan.number;
    brief.failed_behind_at = gains.now();
    return std::nullopt;
  }
  auto where = nodes.settle(line.who, *chosen);
  if (!ends_in_time(line))
    for (auto& [node, spare] : plan.spare)
      for (std::size_t i = 0; i < where.size(); ++i)
        if (where[i].node == node)
          spare = plus(spare, negative(need_of(line.who.who[i])));
  return where;
}

/// Its end is known, and before the first one can begin.
bool gang_queue::state::ends_in_time(const queue_line& line) const {
  return plan.begins != never && line.terms.at_most && now + *line.terms.at_most <= plan.begins;
}

bool gang_queue::state::may_delay_head(const queue_line& line) const {
  const auto at = entries.find(*head);
  const bool wants_gpus = at != entries.end() && lines[at->second.line].gpus() > 0;
  return passes < policy.max_passes && !(wants_gpus && line.gpus() > 0);
}

/// Finds out whose ends make room for the first one: those known to end soonest, then those that began first; as few of
/// them as do.
void gang_queue::state::make_plan() {
  plan = {};
  plan.number = ++plans;
  plan.begins = never;
  auto& who = lines[entries[*head].line].who;
  const auto ends = ends_of_holders();
  std::size_t enough = 1;
  while (enough < ends.size() && !plan_after(who, ends, enough))
    enough *= 2;
  enough = std::min(enough, ends.size());
  std::size_t low_end = enough / 2;
  for (std::size_t high = enough; low_end + 1 < high;) {
    const auto middle = low_end + (high - low_end) / 2;
    if (plan_after(who, ends, middle))
      high = enough = middle;
    else
      low_end = middle;
  }
  static_cast<void>(plan_after(who, ends, enough));
}

/// Whether it fits when the first `count` have ended; plans for that if it does.
bool gang_queue::state::plan_after(prepared_gang& who, const std::vector<std::pair<queue_time, gang_key>>& ends,
                                   std::size_t count) {
  auto& free = nodes.free();
  const auto mark = free.mark();
  for (std::size_t i = 0; i < count; ++i) {
    const auto& e = entries[ends[i].second];
    nodes.vacate(lines[e.line].who.who, e.where);
  }
  auto chosen = nodes.choose(who);
  if (chosen) {
    std::sort(chosen->begin(), chosen->end());
    chosen->erase(std::unique(chosen->begin(), chosen->end()), chosen->end());
    plan.spare.clear();
    for (const auto n : *chosen)
      plan.spare.emplace_back(n, free.free(n));
    plan.begins = count == 0 || ends[count - 1].first == never ? never : std::max(now, ends[count - 1].first);
  }
  free.roll_back(mark);
  return chosen.has_value();
}

/// All that hold places, by when they end at the latest; those of whom that is not known last, the oldest first.
std::vector<std::pair<queue_time, gang_key>> gang_queue::state::ends_of_holders() {
  std::vector<std::tuple<queue_time, queue_time, gang_key>> all;
  for (const auto& here : holders)
    for (const auto key : here) {
      const auto& e = entries[key];
      const auto& at_most = lines[e.line].terms.at_most;
      all.emplace_back(at_most ? e.since + *at_most : never, e.since, key);
    }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  std::vector<std::pair<queue_time, gang_key>> ends;
  ends.reserve(all.size());
  for (const auto& [end, since, key] : all)
    ends.emplace_back(end, key);
  return ends;
}

/// What the first one will need is not there for others, until `lift_restriction`.
void gang_queue::state::restrict_to_spare() {
  if (!held_down.empty())
    return;
  auto& free = nodes.free();
  for (const auto& [node, spare] : plan.spare) {
    const auto now_free = free.free(node);
    const auto cut = plus(now_free, negative(smaller(now_free, spare)));
    free.change(node, negative(cut));
    held_down.emplace_back(node, cut);
  }
}

void gang_queue::state::lift_restriction() {
  for (const auto& [node, cut] : held_down)
    nodes.free().change(node, cut);
  held_down.clear();
}

} // namespace muster
