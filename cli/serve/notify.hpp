#pragma once

#include "muster/store/layout.hpp"

#include <chrono>
#include <cstdint>
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

  /// What is said once waits, for seconds at most, where the service manager has much to read.
  void ready(std::string_view status) const;
  void stopping(std::string_view text) const;
  void reloading() const;
  /// For people; lost where it would have to wait, as is what follows, which is said again and again.
  void status(std::string_view text) const;
  /// The service does well.
  void alive() const;
  /// Starting or stopping takes this much longer.
  void extend(std::chrono::microseconds more) const;

  /// How often `alive` must be told at least; none if nobody watches.
  [[nodiscard]] std::optional<std::chrono::microseconds> watchdog() const noexcept { return watchdog_; }

private:
  enum class when_full : std::uint8_t { drop, wait };
  void send(const std::string& text, when_full then) const;

  std::string socket_;
  std::optional<std::chrono::microseconds> watchdog_;
};

} // namespace muster::cli
