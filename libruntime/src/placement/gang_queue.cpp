#include "muster/placement/gang_queue.hpp"

#include "placement/gang_queue_state.hpp"

#include <algorithm>
#include <utility>

namespace muster {

namespace {

/// Gives members without indices those of their node that nobody has.
void add_missing_gpus(const gang& who, assignment& places, const std::vector<node_state>& nodes) {
  std::set<std::pair<std::uint32_t, std::uint32_t>> given;
  for (const auto& x : places)
    for (const auto gpu : x.gpus)
      given.emplace(x.node, gpu);
  for (std::size_t i = 0; i < who.size(); ++i) {
    if (!places[i].gpus.empty())
      continue;
    for (const auto gpu : nodes[places[i].node].free_gpus)
      if (static_cast<std::int64_t>(places[i].gpus.size()) < who[i].gpu && given.emplace(places[i].node, gpu).second)
        places[i].gpus.push_back(gpu);
  }
}

} // namespace

gang_queue::gang_queue(std::vector<node_state> nodes, queue_policy policy)
    : state_(std::make_unique<state>(std::move(policy))) {
  for (auto& node : nodes)
    join(std::move(node));
}

gang_queue::~gang_queue() = default;
gang_queue::gang_queue(gang_queue&&) noexcept = default;
gang_queue& gang_queue::operator=(gang_queue&&) noexcept = default;

void gang_queue::advance(queue_time now) {
  state_->now = std::max(state_->now, now);
}

std::variant<assignment, no_place, refused> gang_queue::submit(gang_key key, const gang& who, const gang_terms& terms,
                                                               queue_time::duration waited) {
  auto& s = *state_;
  if (s.entries.count(key) != 0)
    return refused{"it is in the queue already"};
  auto text = text_of(who, terms);
  const auto known = s.lines.find(text);
  prepared_gang fresh;
  // Those that hold places may be of a line that nobody could wait in.
  if (!known || !s.lines[*known].fits) {
    fresh = s.nodes.prepare(who, terms.strategy, terms.group_size);
    if (auto why = s.never_fits(fresh, terms))
      return refused{*std::move(why)};
  }
  const auto number =
      known ? *known : s.lines.add(std::move(text), std::move(fresh), terms, *s.quotas.find(terms.quota));
  s.lines.enter(number);
  s.lines[number].fits = true;
  auto& line = s.lines[number];
  auto& e = s.entries[key];
  e.line = number;
  if (auto where = s.admit_newcomer(number)) {
    s.hold(key, e, *std::move(where));
    return e.where;
  }
  e.arrival = s.next_arrival++;
  e.since = s.now - waited;
  s.wait(key, e);
  if (const auto& brief = s.lines.brief(number); !s.head && s.quota_allows(brief))
    s.set_head(key, !s.has_slots(brief.members));
  static_cast<void>(s.explain_line(line));
  return no_place{line.explanation_text};
}

result<assignment> gang_queue::restore(gang_key key, const gang& who,
                                       const std::vector<std::pair<std::string, std::vector<std::uint32_t>>>& where,
                                       const gang_terms& terms) {
  auto& s = *state_;
  if (s.entries.count(key) != 0)
    return {ec::conflict, "a gang of this key is in the queue already"};
  if (where.size() != who.size())
    return {ec::invalid_argument, "a gang of " + std::to_string(who.size()) + " tasks has " +
                                      std::to_string(where.size()) + " recorded places"};
  const auto named = std::find_if(where.begin(), where.end(), [](const auto& x) { return !x.first.empty(); });
  const auto elsewhere = named == where.end() ? std::string{} : named->first;
  assignment places;
  for (const auto& [name, gpus] : where) {
    const auto& wanted = name.empty() ? elsewhere : name;
    const auto at = s.nodes.find(wanted);
    if (!at)
      return {ec::not_found, "node '" + wanted + "' is not in this pool"};
    places.push_back({*at, gpus});
  }
  add_missing_gpus(who, places, nodes());
  auto text = text_of(who, terms);
  const auto known = s.lines.find(text);
  const auto number = known ? *known
                            : s.lines.add(std::move(text), s.nodes.prepare(who, terms.strategy, terms.group_size),
                                          terms, s.quotas.find(terms.quota).value_or(0));
  s.lines.enter(number);
  auto& e = s.entries[key];
  e.line = number;
  s.nodes.take(who, places);
  s.hold(key, e, places);
  return places;
}

bool gang_queue::withdraw(gang_key key) {
  return state_->withdraw(key);
}

std::vector<grant> gang_queue::poll(std::size_t limit) {
  return state_->poll(limit);
}

std::vector<preemption> gang_queue::preempt(std::size_t limit) {
  return state_->preempt(limit);
}

bool gang_queue::has_victims() const noexcept {
  return !state_->low.empty();
}

std::optional<gang_key> gang_queue::promise(gang_key of) {
  auto& s = *state_;
  const auto at = s.entries.find(of);
  if (at == s.entries.end() || nodes().size() != 1 || s.lines.crowds() != 1 || s.promises.heir_of(of))
    return std::nullopt;
  const auto& e = at->second;
  auto& line = s.lines[e.line];
  const bool has_one = e.stage == gang_stage::holds;
  const bool promised_one = e.stage == gang_stage::waits && s.promises.giver_of(of);
  if ((!has_one && !promised_one) || line.who.who.size() != 1 || line.gpus() != 0)
    return std::nullopt;
  // Their order in the line is that of their arrivals.
  auto next = std::upper_bound(line.waiting.begin(), line.waiting.end(), line.promised_until,
                               [](std::uint64_t until, const auto& x) { return until < x.first; });
  while (next != line.waiting.end() && !s.waits(*next))
    ++next;
  if (next == line.waiting.end() || next->first - line.waiting.front().first >= s.policy.max_passes)
    return std::nullopt;
  for (const auto& front : s.lines.user_of(line).fronts[line.rank()].all())
    if (front.line != e.line && front.line != front_list::gap) { // The oldest of all others.
      if (front.arrival < next->first)
        return std::nullopt;
      break;
    }
  line.promised_until = next->first;
  s.promises.add(of, next->second);
  return next->second;
}

std::optional<grant> gang_queue::hand_over(gang_key key) {
  auto& s = *state_;
  const auto at = s.entries.find(key);
  if (at == s.entries.end())
    return std::nullopt;
  const auto heir = at->second.has_places() ? s.promises.heir_of(key) : std::nullopt;
  auto where = at->second.where;
  s.withdraw(key);
  if (!heir)
    return std::nullopt;
  auto& e = s.entries[*heir];
  s.nodes.take(s.lines[e.line].who.who, where);
  s.stop_waiting(*heir, e);
  s.hold(*heir, e, where);
  return grant{*heir, std::move(where), std::nullopt};
}

std::pair<std::size_t, gang_key> gang_queue::heirs_of(gang_key key) const {
  std::pair<std::size_t, gang_key> out{0, key};
  for (auto heir = state_->promises.heir_of(key); heir; heir = state_->promises.heir_of(*heir))
    out = {out.first + 1, *heir};
  return out;
}

bool gang_queue::is_promised(gang_key key) const {
  return state_->promises.giver_of(key).has_value();
}

void gang_queue::join(node_state node) {
  state_->node_changed(state_->nodes.join(std::move(node)));
}

bool gang_queue::set_condition(const std::string& name, node_condition x) {
  const auto at = state_->nodes.find(name);
  if (!at)
    return false;
  state_->nodes.set_condition(*at, x);
  state_->node_changed(*at);
  state_->forget_gone(*at);
  return true;
}

void gang_queue::widen(const node_amounts& at_least) {
  for (const auto n : state_->nodes.widen(at_least))
    state_->node_changed(n);
}

std::vector<gang_key> gang_queue::holders_of(const std::string& name) const {
  const auto at = state_->nodes.find(name);
  return at ? state_->holders[*at] : std::vector<gang_key>{};
}

const std::vector<node_state>& gang_queue::nodes() const noexcept {
  return state_->nodes.nodes();
}

std::optional<wait_reason> gang_queue::explain(gang_key key) const {
  return state_->explain(key);
}

std::optional<std::string> gang_queue::why_waiting(gang_key key) const {
  const auto why = state_->explain(key);
  return why ? std::make_optional(text_of(*why)) : std::nullopt;
}

std::optional<std::string> gang_queue::never_fits(const gang& who, const gang_terms& terms) const {
  auto prepared = state_->nodes.prepare(who, terms.strategy, terms.group_size);
  return state_->never_fits(prepared, terms);
}

std::optional<std::string> gang_queue::ruled_out(const gang& who, const gang_terms& terms) const {
  return state_->ruled_out(state_->nodes.prepare(who, terms.strategy, terms.group_size), terms);
}

std::optional<wait_reason> gang_queue::lacks_nodes(const gang& who, const gang_terms& terms) const {
  auto prepared = state_->nodes.prepare(who, terms.strategy, terms.group_size);
  return state_->nodes.lacks_nodes(prepared);
}

std::vector<gang_key> gang_queue::stranded() const {
  return state_->stranded();
}

std::size_t gang_queue::waiting() const noexcept {
  return state_->waiting;
}

std::size_t gang_queue::holding() const noexcept {
  return state_->entries.size() - state_->waiting;
}

std::size_t gang_queue::members_placed() const noexcept {
  return state_->members_placed;
}

} // namespace muster
