#include "placement/fair_share.hpp"

#include <algorithm>
#include <cmath>

namespace muster {

double fair_share::holding(const share_user& x) const noexcept {
  const auto part = [](std::int64_t held, std::int64_t all) {
    return all > 0 ? static_cast<double>(held) / static_cast<double>(all) : 0.0;
  };
  return std::max(part(x.gpus, all_.gpus), part(x.cpus, all_.cpu));
}

double fair_share::past(const share_user& x, queue_time now) const {
  if (half_life_.count() <= 0)
    return 0;
  const std::chrono::duration<double> since = now - x.past_until;
  const auto faded = std::exp2(-std::max(0.0, since.count()) / static_cast<double>(half_life_.count()));
  const auto held = holding(x);
  return held + (x.past - held) * faded;
}

void fair_share::add(share_user& x, const node_room& by, queue_time now) const {
  x.past = past(x, now);
  x.past_until = now;
  x.gpus += by.gpus;
  x.cpus += by.cpu;
}

double fair_share::of(const share_user& x, queue_time now) const {
  return (holding(x) + past(x, now)) / x.weight;
}

} // namespace muster
