#pragma once

#include "muster/base/result.hpp"

#include <chrono>
#include <optional>

namespace muster::cli {

/// Takes SIGINT, SIGTERM and SIGHUP out of the ordinary way: they wait to be read. Also where other threads wake the
/// main one. Make it before any thread exists: threads inherit what is blocked. One per process.
class signal_inbox {
public:
  [[nodiscard]] static result<signal_inbox> open();
  signal_inbox(signal_inbox&& other) noexcept;
  signal_inbox& operator=(signal_inbox&&) = delete;
  ~signal_inbox();

  /// How many requests to end have come since the last call.
  [[nodiscard]] unsigned take();
  /// The next of them, one at a time.
  [[nodiscard]] std::optional<int> next();
  /// Whether there is one to be taken.
  [[nodiscard]] bool pending() const;
  /// Waits for a signal or a `wake`, no longer than `most`.
  void wait(std::chrono::milliseconds most);
  /// Ends the current or the next `wait`. From any thread.
  void wake() noexcept;

private:
  signal_inbox(int signals, int wakes) noexcept : signals_(signals), wakes_(wakes) {}
  int signals_;
  int wakes_;
};

} // namespace muster::cli
