#pragma once

#include "gateway/http/raw_client.hpp"
#include "gateway/http/server.hpp"

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <utility>

namespace muster::test {

/// A server on a free port; throws if it does not start.
inline std::unique_ptr<http::server> serve(http::handler answer, http::server_config config = {}) {
  auto started = http::server::start(std::move(config), std::move(answer));
  if (!started)
    throw std::runtime_error(started.failure().message);
  return *std::move(started);
}

/// A count that a test waits for.
class tally {
public:
  void add(std::size_t more = 1) {
    {
      const std::lock_guard lock(mutex_);
      count_ += more;
    }
    changed_.notify_all();
  }
  [[nodiscard]] std::size_t count() const {
    const std::lock_guard lock(mutex_);
    return count_;
  }
  /// False if it is less after 20 s.
  bool wait_for(std::size_t wanted) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [&] { return count_ >= wanted; });
  }

private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t count_ = 0;
};

} // namespace muster::test
