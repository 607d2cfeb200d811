#include "placement/candidates.hpp"

#include <algorithm>
#include <functional>

namespace muster {

candidates::candidates(queue_lines& lines, const gpu_quotas& quotas, const fair_share& shares,
                       std::chrono::seconds age_step)
    : lines_(lines), quotas_(quotas), shares_(shares), age_step_(age_step) {}

void candidates::start(queue_time now) {
  now_ = now;
  level_ = 0;
  auto& users = lines_.users();
  cursors_.resize(users.size());
  for (std::size_t u = 0; u < users.size(); ++u)
    for (std::size_t p = 0; p < 3; ++p) {
      users[u].fronts[p].close_gaps();
      cursors_[u][p] = 0;
    }
  begin_level();
}

int candidates::level_of(gang_priority x, queue_time since, queue_time now) const {
  const auto base = static_cast<int>(x);
  if (age_step_.count() <= 0 || now <= since)
    return base;
  const auto steps = (now - since) / age_step_;
  return steps >= base ? 0 : base - static_cast<int>(steps);
}

void candidates::begin_level() {
  ranks_.clear();
  for (std::uint32_t u = 0; u < cursors_.size(); ++u)
    push(u);
}

/// The priority whose line comes first of those of a user at this level.
std::optional<std::size_t> candidates::best_of(std::uint32_t user) {
  std::optional<std::size_t> best;
  std::uint64_t first = 0;
  const auto& fronts = lines_.users()[user].fronts;
  for (std::size_t p = 0; p < 3; ++p) {
    const auto& all = fronts[p].all();
    auto& at = cursors_[user][p];
    while (at < all.size() && all[at].line == front_list::gap)
      ++at;
    if (at == all.size() || level_of(static_cast<gang_priority>(p + 1), all[at].since, now_) > level_)
      continue;
    if (best && all[at].arrival >= first)
      continue;
    best = p;
    first = all[at].arrival;
  }
  return best;
}

void candidates::push(std::uint32_t user) {
  const auto best = best_of(user);
  if (!best)
    return;
  const auto& x = lines_.users()[user];
  const auto arrival = x.fronts[*best].all()[cursors_[user][*best]].arrival;
  ranks_.push_back(level_ == 0 ? rank{0, 0, arrival, user}
                               : rank{quotas_.ratio(x.quota), shares_.of(x, now_), arrival, user});
  std::push_heap(ranks_.begin(), ranks_.end(), std::greater<>{});
}

std::optional<std::uint32_t> candidates::next() {
  constexpr int last_level = 3;
  for (;;) {
    if (ranks_.empty()) {
      if (level_ == last_level)
        return std::nullopt;
      ++level_;
      begin_level();
      continue;
    }
    const auto user = std::get<3>(ranks_.front());
    const auto best = best_of(user);
    if (!best) {
      std::pop_heap(ranks_.begin(), ranks_.end(), std::greater<>{});
      ranks_.pop_back();
      continue;
    }
    user_ = user;
    const auto line = lines_.users()[user].fronts[*best].all()[cursors_[user][*best]++].line;
    // Among overdue ones the next may be another user's.
    if (level_ == 0) {
      std::pop_heap(ranks_.begin(), ranks_.end(), std::greater<>{});
      ranks_.pop_back();
      push(user);
    }
    return line;
  }
}

void candidates::granted() {
  const auto mine = std::find_if(ranks_.begin(), ranks_.end(), [&](const rank& x) { return std::get<3>(x) == user_; });
  if (mine != ranks_.end()) {
    ranks_.erase(mine);
    std::make_heap(ranks_.begin(), ranks_.end(), std::greater<>{});
  }
  push(user_);
}

} // namespace muster
