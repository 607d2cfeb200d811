#include "muster/placement/gang_queue.hpp"

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
    : cluster_(std::make_unique<cluster>()), policy_(policy) {
  for (auto& node : nodes)
    cluster_->join(std::move(node));
}

std::variant<assignment, no_place, refused> gang_queue::submit(gang_key key, const gang& who) {
  if (entries_.count(key) != 0)
    return refused{"it is in the queue already"};
  const auto known = lines_by_text_.find(text_of(who));
  if (known == lines_by_text_.end())
    if (auto why = never_fits(who))
      return refused{*std::move(why)};
  const auto number = line_for(who);
  auto& e = entries_[key];
  e.line = number;
  auto& line = lines_[number];
  if (may_pass(number)) {
    if (auto where = try_place(line.who)) {
      if (!fronts_.empty())
        ++passes_;
      hold(e, *std::move(where));
      return e.where;
    }
  }
  e.arrival = next_arrival_++;
  if (line.waiting.empty())
    fronts_.emplace(e.arrival, number);
  line.waiting.emplace_back(e.arrival, key);
  ++waiting_;
  return no_place{why_not(line.who)};
}

result<assignment> gang_queue::restore(gang_key key, const gang& who,
                                       const std::vector<std::pair<std::string, std::vector<std::uint32_t>>>& where) {
  if (entries_.count(key) != 0)
    return {ec::conflict, "a gang of this key is in the queue already"};
  if (where.size() != who.size())
    return {ec::invalid_argument, "a gang of " + std::to_string(who.size()) + " tasks has " +
                                      std::to_string(where.size()) + " recorded places"};
  const auto named = std::find_if(where.begin(), where.end(), [](const auto& x) { return !x.first.empty(); });
  const auto elsewhere = named == where.end() ? std::string{} : named->first;
  assignment places;
  for (const auto& [name, gpus] : where) {
    const auto& wanted = name.empty() ? elsewhere : name;
    const auto at = cluster_->find(wanted);
    if (!at)
      return {ec::not_found, "node '" + wanted + "' is not in this pool"};
    places.push_back({*at, gpus});
  }
  add_missing_gpus(who, places, nodes());
  auto& e = entries_[key];
  e.line = line_for(who);
  cluster_->take(who, places);
  hold(e, places);
  return places;
}

bool gang_queue::withdraw(gang_key key) {
  const auto at = entries_.find(key);
  if (at == entries_.end())
    return false;
  const auto e = std::move(at->second);
  entries_.erase(at);
  auto& line = lines_[e.line];
  if (e.arrival == 0) {
    cluster_->give_back(line.who.who, e.where);
    members_placed_ -= line.who.who.size();
  } else {
    --waiting_;
    ++line.gone;
    clean_line(e.line);
  }
  drop_from_line(e.line);
  return true;
}

std::optional<gang_key> gang_queue::promise(gang_key of) {
  const auto at = entries_.find(of);
  if (at == entries_.end() || nodes().size() != 1 || has_heir(at->second))
    return std::nullopt;
  auto& line = lines_[at->second.line];
  const bool promised_itself = at->second.arrival != 0 && at->second.arrival <= line.promised_until;
  if ((at->second.arrival != 0 && !promised_itself) || line.who.who.size() != 1 || line.who.who.front().gpu != 0)
    return std::nullopt;
  // Their order in the line is that of their arrivals.
  auto next = std::upper_bound(line.waiting.begin(), line.waiting.end(), line.promised_until,
                               [](std::uint64_t until, const auto& x) { return until < x.first; });
  while (next != line.waiting.end() && !waits(*next))
    ++next;
  if (next == line.waiting.end() || next->first - line.waiting.front().first >= policy_.max_passes)
    return std::nullopt;
  for (const auto& [arrival, number] : fronts_)
    if (number != at->second.line) { // The oldest of all others.
      if (arrival < next->first)
        return std::nullopt;
      break;
    }
  line.promised_until = next->first;
  at->second.heir = *next;
  return next->second;
}

std::optional<grant> gang_queue::hand_over(gang_key key) {
  const auto at = entries_.find(key);
  if (at == entries_.end())
    return std::nullopt;
  const auto e = at->second;
  withdraw(key);
  if (e.arrival != 0 || !has_heir(e))
    return std::nullopt;
  auto& heir = entries_[e.heir->second];
  cluster_->take(lines_[heir.line].who.who, e.where);
  hold(heir, e.where);
  leave_line(heir);
  return grant{e.heir->second, e.where};
}

std::pair<std::size_t, gang_key> gang_queue::heirs_of(gang_key key) const {
  std::pair<std::size_t, gang_key> out{0, key};
  for (auto at = entries_.find(key); at != entries_.end() && has_heir(at->second); at = entries_.find(out.second)) {
    ++out.first;
    out.second = at->second.heir->second;
  }
  return out;
}

/// Who was promised the places of `e` waits still.
bool gang_queue::has_heir(const entry& e) const {
  return e.heir && waits(*e.heir);
}

std::vector<grant> gang_queue::poll(std::size_t limit) {
  std::vector<grant> grants;
  while (grants.size() < limit) {
    auto next = grant_one();
    if (!next)
      break;
    grants.push_back(*std::move(next));
  }
  return grants;
}

std::optional<std::string> gang_queue::why_waiting(gang_key key) const {
  const auto at = entries_.find(key);
  if (at == entries_.end() || at->second.arrival == 0)
    return std::nullopt;
  return why_not(lines_[at->second.line].who);
}

void gang_queue::widen(const node_amounts& at_least) {
  cluster_->widen(at_least);
}

std::optional<std::string> gang_queue::never_fits(const gang& who) const {
  if (who.empty())
    return "a gang needs at least one task";
  if (policy_.max_parallel && who.size() > *policy_.max_parallel)
    return "has " + std::to_string(who.size()) + " tasks that start together: at most " +
           std::to_string(*policy_.max_parallel) + " may run in parallel";
  auto prepared = cluster_->prepare(who);
  return cluster_->never_fits(prepared);
}

std::optional<assignment> gang_queue::try_place(prepared_gang& who) {
  if (policy_.max_parallel && members_placed_ + who.who.size() > *policy_.max_parallel)
    return std::nullopt;
  return cluster_->place(who);
}

std::string gang_queue::why_not(prepared_gang& who) const {
  if (policy_.max_parallel && members_placed_ + who.who.size() > *policy_.max_parallel)
    return "waiting for others to end: " + std::to_string(members_placed_) + " of at most " +
           std::to_string(*policy_.max_parallel) + " tasks run in parallel";
  auto why = cluster_->why_not(who);
  return why.empty() ? "waiting behind older groups" : why;
}

/// Whether a newcomer of this line may go ahead of all who wait. Those who fit were granted by the last `poll`.
bool gang_queue::may_pass(std::uint32_t number) {
  if (fronts_.empty())
    return true;
  const auto oldest = fronts_.begin()->first;
  if (std::exchange(oldest_, oldest) != oldest)
    passes_ = 0;
  if (!lines_[number].waiting.empty() || fronts_.size() >= policy_.look_ahead || passes_ >= policy_.max_passes)
    return false;
  return true;
}

/// Grants the oldest gang that fits, within the policy.
std::optional<grant> gang_queue::grant_one() {
  std::uint32_t tried = 0;
  for (const auto& [arrival, number] : fronts_) {
    const bool oldest = tried == 0;
    if (oldest && std::exchange(oldest_, arrival) != arrival)
      passes_ = 0;
    if (tried++ == std::max(policy_.look_ahead, 1U) || (!oldest && passes_ >= policy_.max_passes))
      return std::nullopt;
    auto& line = lines_[number];
    auto where = try_place(line.who);
    if (!where)
      continue;
    if (!oldest)
      ++passes_;
    const auto key = line.waiting.front().second;
    auto& e = entries_[key];
    hold(e, *std::move(where));
    leave_line(e);
    return grant{key, e.where};
  }
  return std::nullopt;
}

/// A waiting gang gets its places.
void gang_queue::leave_line(entry& e) {
  --waiting_;
  ++lines_[e.line].gone;
  clean_line(e.line);
}

void gang_queue::hold(entry& e, assignment where) {
  e.arrival = 0;
  e.where = std::move(where);
  members_placed_ += e.where.size();
}

std::uint32_t gang_queue::line_for(const gang& who) {
  auto text = text_of(who);
  const auto [at, fresh] = lines_by_text_.try_emplace(text, 0);
  if (fresh) {
    if (free_lines_.empty()) {
      at->second = static_cast<std::uint32_t>(lines_.size());
      lines_.emplace_back();
    } else {
      at->second = free_lines_.back();
      free_lines_.pop_back();
    }
    lines_[at->second].who = cluster_->prepare(who);
    lines_[at->second].text = std::move(text);
  }
  ++lines_[at->second].entries;
  return at->second;
}

void gang_queue::drop_from_line(std::uint32_t number) {
  auto& line = lines_[number];
  if (--line.entries != 0)
    return;
  lines_by_text_.erase(line.text);
  line = {};
  free_lines_.push_back(number);
}

bool gang_queue::waits(const arrived& x) const {
  const auto at = entries_.find(x.second);
  return at != entries_.end() && at->second.arrival == x.first;
}

/// Takes those who wait no more off the front of a line, and out of its middle once they are many.
void gang_queue::clean_line(std::uint32_t number) {
  auto& line = lines_[number];
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
  fronts_.erase({old_front, number});
  if (!line.waiting.empty())
    fronts_.emplace(line.waiting.front().first, number);
}

} // namespace muster
