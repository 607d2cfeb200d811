#pragma once

#include "gateway/metrics/page.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace muster::gateway {

/// Counts the requests that were answered, by route. All members are thread-safe.
class request_meter {
public:
  /// `route` is the pattern that matched, or empty; never a path with an id in it.
  void note(const std::string& method, const std::string& route, unsigned status,
            std::chrono::steady_clock::duration took, bool is_stream);

  void write(metrics_page& to) const;

private:
  /// 1 ms to 10 s.
  static constexpr std::array<double, 9> bounds{0.001, 0.0025, 0.01, 0.025, 0.1, 0.25, 1, 2.5, 10};

  struct figures {
    std::map<unsigned, std::uint64_t> by_status;
    std::array<std::uint64_t, bounds.size() + 1> times{};
    double seconds = 0;
  };

  mutable std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, figures> routes_; ///< By method and route.
};

} // namespace muster::gateway
