#pragma once

#include "placement/queue_lines.hpp"

#include <cstdint>

/// How much users have, so that those with less come first. Private to placement.
namespace muster {

class fair_share {
public:
  explicit fair_share(std::chrono::seconds half_life) : half_life_(half_life) {}

  /// What shares are measured by: all CPUs and GPUs.
  void set_capacity(const node_room& all) noexcept { all_ = all; }

  /// A user holds more, or less, as of `now`.
  void add(share_user& x, const node_room& by, queue_time now) const;

  /// The larger of its parts of all GPUs and of all CPUs, with its past if that counts, by weight.
  [[nodiscard]] double of(const share_user& x, queue_time now) const;

  /// The part of it that is of the past.
  [[nodiscard]] double past(const share_user& x, queue_time now) const;

private:
  [[nodiscard]] double holding(const share_user& x) const noexcept;

  std::chrono::seconds half_life_;
  node_room all_;
};

} // namespace muster
