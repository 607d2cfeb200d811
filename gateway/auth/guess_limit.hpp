#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <mutex>
#include <string>

namespace muster::gateway {

/// Counts failed tries by where they come from: so many at once, then one every so often. Thread-safe; of a bounded
/// number of peers.
class guess_limit {
public:
  using clock = std::chrono::steady_clock;

  explicit guess_limit(double burst = 10, double per_second = 0.5, std::size_t peers = 4096)
      : burst_(burst), per_second_(per_second), most_(peers) {}

  /// Whether the peer may try.
  [[nodiscard]] bool may_try(const std::string& peer, clock::time_point now);
  /// It tried and failed.
  void failed(const std::string& peer, clock::time_point now);
  /// What counted as failed was right.
  void succeeded(const std::string& peer, clock::time_point now);

private:
  struct bucket {
    double left = 0;
    clock::time_point seen;
  };
  bucket& refill(const std::string& peer, clock::time_point now);

  const double burst_;
  const double per_second_;
  const std::size_t most_;
  std::mutex mutex_;
  std::map<std::string, bucket> peers_; ///< Those that failed lately.
};

} // namespace muster::gateway
