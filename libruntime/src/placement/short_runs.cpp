#include "muster/placement/short_runs.hpp"

#include <algorithm>

namespace muster {

namespace {

constexpr double millisecond = 1e6;
/// An end and the next start cost less than 1 ms between them: no more than 5 % of such a run.
constexpr double longest_mean = 20 * millisecond;
/// What waits behind one attempt should take about so long.
constexpr double stock = 20 * millisecond;
constexpr double share_of_newest = 1.0 / 8;
/// With so many seen there is one more: it begins slowly, so that all places get theirs.
constexpr std::size_t seen_for_one = 4;
constexpr std::size_t most_ahead = 16;

} // namespace

void short_runs::add(std::chrono::nanoseconds held) noexcept {
  ++seen_;
  // A single long one is remembered for the next dozen, not for ever.
  const auto x = std::min(static_cast<double>(held.count()), 8 * longest_mean);
  if (seen_ == 1 || x > mean_ + longest_mean)
    mean_ = x;
  else
    mean_ += (x - mean_) * share_of_newest;
}

std::size_t short_runs::depth() const noexcept {
  if (mean_ > longest_mean)
    return 0;
  return std::min({most_ahead, seen_ / seen_for_one, static_cast<std::size_t>(stock / std::max(mean_, 1.0))});
}

} // namespace muster
