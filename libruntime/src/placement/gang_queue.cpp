#include "muster/placement/gang_queue.hpp"

#include <algorithm>
#include <utility>

namespace muster {

namespace {

/// Equal for equal gangs only.
std::string text_of(const gang& who) {
  std::string text;
  const auto put = [&](const std::string& x) {
    text += std::to_string(x.size());
    text += ':';
    text += x;
  };
  for (const auto& x : who) {
    for (const auto n : {x.cpu, x.gpu, x.memory, x.storage})
      text += std::to_string(n) + ',';
    put(x.platform);
    for (const auto& node : x.nodes_excluded)
      put(node);
    text += ';';
  }
  return text;
}

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
    : nodes_(std::move(nodes)), policy_(policy) {}

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
  auto tried = try_place(who);
  if (auto* where = std::get_if<assignment>(&tried); where != nullptr && may_pass(number)) {
    hold(e, std::move(*where));
    return e.where;
  }
  e.arrival = next_arrival_++;
  auto& line = lines_[number];
  if (line.waiting.empty())
    fronts_.emplace(e.arrival, number);
  line.waiting.emplace_back(e.arrival, key);
  ++waiting_;
  if (auto* why = std::get_if<no_place>(&tried))
    return std::move(*why);
  return no_place{"waiting behind older groups"};
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
    const auto at = std::find_if(nodes_.begin(), nodes_.end(), [&](const node_state& x) { return x.name == wanted; });
    if (at == nodes_.end())
      return {ec::not_found, "node '" + wanted + "' is not in this pool"};
    places.push_back({static_cast<std::uint32_t>(at - nodes_.begin()), gpus});
  }
  add_missing_gpus(who, places, nodes_);
  auto& e = entries_[key];
  e.line = line_for(who);
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
    give_back(line.who, e.where, nodes_);
    members_placed_ -= line.who.size();
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
  if (at == entries_.end() || nodes_.size() != 1 || has_heir(at->second))
    return std::nullopt;
  auto& line = lines_[at->second.line];
  const bool promised_itself = at->second.arrival != 0 && at->second.arrival <= line.promised_until;
  if ((at->second.arrival != 0 && !promised_itself) || line.who.size() != 1 || line.who.front().gpu != 0)
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
  leave_line(entries_[e.heir->second], e.where);
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
  auto tried = try_place(lines_[at->second.line].who);
  if (auto* why = std::get_if<no_place>(&tried))
    return std::move(why->reason);
  return "waiting behind older groups";
}

void gang_queue::widen(const node_amounts& at_least) {
  const auto raise = [](std::int64_t& total, std::int64_t& free, std::int64_t wanted) {
    const auto more = std::max<std::int64_t>(0, wanted - total);
    total += more;
    free += more;
  };
  for (auto& node : nodes_) {
    raise(node.total.cpu, node.free.cpu, at_least.cpu);
    raise(node.total.memory, node.free.memory, at_least.memory);
    raise(node.total.storage, node.free.storage, at_least.storage);
  }
}

std::optional<std::string> gang_queue::never_fits(const gang& who) const {
  if (who.empty())
    return "a gang needs at least one task";
  if (policy_.max_parallel && who.size() > *policy_.max_parallel)
    return "has " + std::to_string(who.size()) + " tasks that start together: at most " +
           std::to_string(*policy_.max_parallel) + " may run in parallel";
  return muster::never_fits(who, nodes_);
}

std::variant<assignment, no_place> gang_queue::try_place(const gang& who) const {
  if (policy_.max_parallel && members_placed_ + who.size() > *policy_.max_parallel)
    return no_place{"waiting for others to end: " + std::to_string(members_placed_) + " of at most " +
                    std::to_string(*policy_.max_parallel) + " tasks run in parallel"};
  return place(who, nodes_);
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
  ++passes_;
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
    auto place_found = try_place(line.who);
    auto* where = std::get_if<assignment>(&place_found);
    if (where == nullptr)
      continue;
    if (!oldest)
      ++passes_;
    const auto key = line.waiting.front().second;
    auto& e = entries_[key];
    leave_line(e, std::move(*where));
    return grant{key, e.where};
  }
  return std::nullopt;
}

/// A waiting gang gets its places.
void gang_queue::leave_line(entry& e, assignment where) {
  hold(e, std::move(where));
  --waiting_;
  ++lines_[e.line].gone;
  clean_line(e.line);
}

void gang_queue::hold(entry& e, assignment where) {
  const auto& who = lines_[e.line].who;
  e.arrival = 0;
  e.where = std::move(where);
  take(who, e.where, nodes_);
  members_placed_ += who.size();
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
    lines_[at->second].who = who;
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
