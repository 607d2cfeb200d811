#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <utility>

namespace muster::simulation {

/// A point in virtual time: since the beginning of the world.
using moment = std::chrono::microseconds;

/// Virtual time, and what is to happen at some point of it. What is due at the same moment happens in the order in
/// which it was asked for.
class timeline {
public:
  [[nodiscard]] moment now() const noexcept { return now_; }

  /// Calls `what` when so much time has passed.
  void after(moment delay, std::function<void()> what) {
    due_.emplace(std::pair{now_ + delay, ++order_}, std::move(what));
  }

  /// When something is due; none if nothing is.
  [[nodiscard]] std::optional<moment> next() const {
    return due_.empty() ? std::nullopt : std::optional{due_.begin()->first.first};
  }

  /// Lets it be `when`; nothing is called by that.
  void turn_to(moment when) noexcept { now_ = when; }

  /// Calls what is due now, one; false if nothing is.
  bool fire() {
    if (due_.empty() || due_.begin()->first.first > now_)
      return false;
    const auto what = std::move(due_.begin()->second);
    due_.erase(due_.begin());
    what();
    return true;
  }

private:
  moment now_{0};
  std::uint64_t order_ = 0;
  std::map<std::pair<moment, std::uint64_t>, std::function<void()>> due_;
};

} // namespace muster::simulation
