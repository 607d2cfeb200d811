#pragma once

#include "muster/store/layout.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace muster::cli {

/// Tells the service manager how the service is: the protocol of sd_notify(3), a datagram to the socket that
/// `NOTIFY_SOCKET` names. Without one everything here does nothing. From any thread.
class notifier {
public:
  /// What `get` says about the socket and the watchdog.
  explicit notifier(const store::environment& get);

  void ready(std::string_view status) const;
  void status(std::string_view text) const;
  void stopping(std::string_view text) const;
  void reloading() const;
  /// The service does well.
  void alive() const;
  /// Starting or stopping takes this much longer.
  void extend(std::chrono::microseconds more) const;

  /// How often `alive` must be told at least; none if nobody watches.
  [[nodiscard]] std::optional<std::chrono::microseconds> watchdog() const noexcept { return watchdog_; }

private:
  void send(const std::string& text) const;

  std::string socket_;
  std::optional<std::chrono::microseconds> watchdog_;
};

} // namespace muster::cli
