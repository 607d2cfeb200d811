#include "gateway/auth/guess_limit.hpp"

#include <algorithm>

namespace muster::gateway {

bool guess_limit::may_try(const std::string& peer, clock::time_point now) {
  const std::lock_guard lock{mutex_};
  return peers_.count(peer) == 0 || refill(peer, now).left >= 1;
}

void guess_limit::failed(const std::string& peer, clock::time_point now) {
  const std::lock_guard lock{mutex_};
  if (peers_.count(peer) == 0 && peers_.size() >= most_) {
    // Whoever has waited for the longest is as good as new.
    const auto oldest = std::min_element(peers_.begin(), peers_.end(),
                                         [](const auto& a, const auto& b) { return a.second.seen < b.second.seen; });
    peers_.erase(oldest);
  }
  auto& x = refill(peer, now);
  x.left = std::max(0.0, x.left - 1);
}

void guess_limit::succeeded(const std::string& peer, clock::time_point now) {
  const std::lock_guard lock{mutex_};
  if (peers_.count(peer) == 0)
    return;
  auto& x = refill(peer, now);
  x.left = std::min(burst_, x.left + 1);
}

guess_limit::bucket& guess_limit::refill(const std::string& peer, clock::time_point now) {
  auto& x = peers_.try_emplace(peer, bucket{burst_, now}).first->second;
  const auto passed = std::chrono::duration<double>(now - x.seen).count();
  x.left = std::min(burst_, x.left + std::max(0.0, passed) * per_second_);
  x.seen = now;
  return x;
}

} // namespace muster::gateway
