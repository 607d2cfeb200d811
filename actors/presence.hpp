#pragma once

#include <chrono>
#include <memory>

namespace muster {

/// Who is still there, by the tokens that they hold. From any thread.
class presence {
public:
  presence();

  /// Its holder, and whoever holds a copy, is there.
  using token = std::shared_ptr<const void>;
  [[nodiscard]] token give() const;

  /// Waits until nobody holds a token; false when the time has passed.
  bool wait_until_empty(std::chrono::milliseconds limit) const;

private:
  struct counted;
  std::shared_ptr<counted> counted_;
};

} // namespace muster
