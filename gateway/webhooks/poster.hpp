#pragma once

#include "muster/base/result.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace muster::gateway {

/// One POST.
struct post_request {
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::chrono::milliseconds timeout{15'000};
  bool allow_private = false;
};

/// What became of it.
struct post_outcome {
  long status = 0;     ///< 0 if there was no answer.
  std::string problem; ///< Why there was none.
  std::optional<std::chrono::seconds> retry_after{};
  [[nodiscard]] bool is_good() const noexcept { return status >= 200 && status < 300; }
  /// `200`, or the problem.
  [[nodiscard]] std::string text() const { return status != 0 ? std::to_string(status) : problem; }
};

/// Sends many requests at once, on the thread that calls `run`: HTTP and HTTPS alone, no redirects, no proxies, no
/// cookies; connects to addresses that `may_deliver_to` permits, whatever the name said before; what is answered is
/// thrown away but for the status. One thread; only `wake` is for others.
class poster {
public:
  /// Whether this machine can post at all: else nothing may be made. `unsupported`: there is no libcurl.
  [[nodiscard]] static result<void> check();

  poster();
  ~poster();
  poster(const poster&) = delete;
  poster& operator=(const poster&) = delete;

  using handler = std::function<void(post_outcome)>;

  /// Begins one; `done` is called from within `run`, once.
  void post(post_request x, handler done);

  /// Works on what was begun, for at most so long, or until woken.
  void run(std::chrono::milliseconds at_most);

  /// Makes `run` return. Any thread.
  void wake() noexcept;

  /// Gives up everything that was begun; no handler is called.
  void clear();

private:
  class impl;
  std::unique_ptr<impl> impl_;
};

} // namespace muster::gateway
