#include "placement/queue_lines.hpp"

#include <algorithm>

namespace muster {

std::string text_of(const gang& who, const gang_terms& terms) {
  std::string text;
  text += static_cast<char>('0' + static_cast<int>(terms.priority));
  text += static_cast<char>('0' + static_cast<int>(terms.strategy));
  text += terms.at_most ? std::to_string(terms.at_most->count()) : std::string{};
  text += ',' + std::to_string(terms.group_size);
  for (const auto* x : {&terms.user, &terms.quota}) {
    text += '/';
    text += std::to_string(x->size());
    text += ':';
    text += *x;
  }
  return text += text_of(who);
}

void front_list::add(const line_front& x) {
  const auto before = [](const line_front& a, const line_front& b) { return a.arrival < b.arrival; };
  all_.insert(std::upper_bound(all_.begin(), all_.end(), x, before), x);
}

void front_list::remove(std::uint64_t arrival) {
  const auto before = [](const line_front& a, std::uint64_t b) { return a.arrival < b; };
  auto at = std::lower_bound(all_.begin(), all_.end(), arrival, before);
  while (at->line == gap)
    ++at;
  at->line = gap;
  ++gaps_;
}

void front_list::close_gaps() {
  if (gaps_ * 4 <= all_.size())
    return;
  all_.erase(std::remove_if(all_.begin(), all_.end(), [](const line_front& x) { return x.line == gap; }), all_.end());
  gaps_ = 0;
}

std::optional<std::uint32_t> queue_lines::find(const std::string& text) const {
  const auto at = by_text_.find(text);
  return at == by_text_.end() ? std::nullopt : std::make_optional(at->second);
}

std::uint32_t queue_lines::add(std::string text, prepared_gang who, const gang_terms& terms, std::uint32_t quota) {
  std::uint32_t number = 0;
  if (free_lines_.empty()) {
    number = static_cast<std::uint32_t>(lines_.size());
    lines_.emplace_back();
    briefs_.emplace_back();
  } else {
    number = free_lines_.back();
    free_lines_.pop_back();
  }
  by_text_.emplace(text, number);
  auto& line = lines_[number];
  line.text = std::move(text);
  line.who = std::move(who);
  line.terms = terms;
  line.quota = quota;
  line.user = user_for(terms.user, quota);
  ++users_[line.user].lines;
  auto& brief = briefs_[number];
  brief = {};
  brief.smallest = line.who.smallest;
  brief.gpus = line.gpus();
  brief.members = static_cast<std::uint32_t>(line.who.who.size());
  brief.quota = quota;
  brief.priority = terms.priority;
  return number;
}

void queue_lines::leave(std::uint32_t number) {
  auto& line = lines_[number];
  if (--line.entries != 0)
    return;
  auto& user = users_[line.user];
  // A user whose past counts is remembered while it does.
  constexpr double forgotten = 1e-3;
  if (--user.lines == 0 && user.past < forgotten) {
    users_by_text_.erase(user.text);
    user = {};
    free_users_.push_back(line.user);
  }
  by_text_.erase(line.text);
  line = {};
  free_lines_.push_back(number);
}

void queue_lines::remember(const std::string& user, std::uint32_t quota, double past, queue_time until) {
  auto& known = users_[user_for(user, quota)];
  known.past = past;
  known.past_until = until;
}

std::uint32_t queue_lines::user_for(const std::string& name, std::uint32_t quota) {
  auto text = std::to_string(quota) + ':' + name;
  const auto [at, fresh] = users_by_text_.try_emplace(text, 0);
  if (!fresh)
    return at->second;
  if (free_users_.empty()) {
    at->second = static_cast<std::uint32_t>(users_.size());
    users_.emplace_back();
  } else {
    at->second = free_users_.back();
    free_users_.pop_back();
  }
  auto& user = users_[at->second];
  user.quota = quota;
  user.name = name;
  user.text = std::move(text);
  const auto weight = policy_.user_weights.find(name);
  if (weight != policy_.user_weights.end() && weight->second > 0)
    user.weight = weight->second;
  return at->second;
}

void queue_lines::push(std::uint32_t number, const arrived& x, queue_time since) {
  auto& line = lines_[number];
  const auto old = line.waiting.empty() ? 0 : line.waiting.front().first;
  line.waiting.insert(std::upper_bound(line.waiting.begin(), line.waiting.end(), x), x);
  if (line.waiting.front().first != old)
    set_front(number, old, since);
}

void queue_lines::set_front(std::uint32_t number, std::uint64_t old_arrival, queue_time since) {
  auto& line = lines_[number];
  auto& fronts = users_[line.user].fronts[line.rank()];
  crowds_ -= std::size_t{!fronts.empty()};
  if (old_arrival != 0)
    fronts.remove(old_arrival);
  if (!line.waiting.empty())
    fronts.add({line.waiting.front().first, since, number});
  crowds_ += std::size_t{!fronts.empty()};
}

} // namespace muster
