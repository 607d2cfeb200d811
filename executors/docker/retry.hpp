#pragma once

#include <algorithm>
#include <chrono>

namespace muster::docker {

/// How long to wait before the next try: each time twice as long as before, up to a limit.
class back_off {
public:
  explicit back_off(std::chrono::milliseconds first = std::chrono::milliseconds(100),
                    std::chrono::milliseconds most = std::chrono::seconds(5)) noexcept
      : first_(first), most_(most), next_(first) {}

  /// The pause before the next try.
  std::chrono::milliseconds next() noexcept {
    const auto out = next_;
    next_ = std::min(most_, next_ * 2);
    ++tries_;
    return out;
  }
  void reset() noexcept {
    next_ = first_;
    tries_ = 0;
  }
  /// How often `next` was called since the last reset.
  [[nodiscard]] int tries() const noexcept { return tries_; }

private:
  std::chrono::milliseconds first_;
  std::chrono::milliseconds most_;
  std::chrono::milliseconds next_;
  int tries_ = 0;
};

} // namespace muster::docker
