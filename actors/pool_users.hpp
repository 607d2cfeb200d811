#pragma once

#include "muster/base/result.hpp"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>

namespace muster {

/// Who is bringing work into a pool: while somebody is, it is not removed, and while it is decided whether it is
/// removed, nobody begins. Thread-safe.
class pool_users : public std::enable_shared_from_this<pool_users> {
public:
  /// As long as it lives the pool stays. It may be let go of on any thread.
  using stay = std::shared_ptr<const void>;

  /// The pool is being removed: nobody is at it. Unless that is confirmed before it is destroyed, the pool stays.
  class removal {
  public:
    explicit removal(std::shared_ptr<pool_users> of) : of_(std::move(of)) {}
    removal(const removal&) = delete;
    removal& operator=(const removal&) = delete;
    ~removal();
    void confirm() noexcept { is_removed_ = true; }

  private:
    std::shared_ptr<pool_users> of_;
    bool is_removed_ = false;
  };

  /// Waits while it is decided whether the pool stays. `not_found` if it was removed, `unavailable` if that is not
  /// decided within `limit`.
  [[nodiscard]] result<stay> enter(std::chrono::milliseconds limit);

  /// Waits until nobody is at it. `unavailable` if somebody still is after `limit`, `conflict` if somebody else is
  /// removing it, `not_found` if it was removed.
  [[nodiscard]] result<std::shared_ptr<removal>> begin_removal(std::chrono::milliseconds limit);

private:
  enum class phase : std::uint8_t { open, deciding, gone };

  void leave() noexcept;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t inside_ = 0;
  phase phase_ = phase::open;
};

} // namespace muster
