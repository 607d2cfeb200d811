#pragma once

#include "executors/process/warden/protocol.hpp"
#include "executors/process/warden_launch.hpp"

#include <string>

namespace muster::process {

/// The driver's end of the connection to the warden.
class warden_link {
public:
  /// Connects, launching a warden if need be, and shakes hands. Blocks, a few seconds at worst. With `limits` the
  /// warden makes ready to enforce them, or says why it cannot.
  [[nodiscard]] result<void> open(const std::filesystem::path& state, const warden_options& options, bool limits);

  /// Why limits cannot be enforced; empty if they can or were not asked for.
  [[nodiscard]] const std::string& no_limits() const noexcept { return no_limits_; }

  [[nodiscard]] bool is_open() const noexcept { return static_cast<bool>(socket_); }
  [[nodiscard]] int file() const noexcept { return socket_.get(); }
  [[nodiscard]] pid_t warden_pid() const noexcept { return warden_pid_; }
  [[nodiscard]] bool has_unsent() const noexcept { return !unsent_.empty(); }

  /// Frames to send are appended here; `send` sends them.
  [[nodiscard]] std::string& unsent() noexcept { return unsent_; }

  /// Sends as much as the socket takes. False: the warden is gone.
  [[nodiscard]] bool send();

  /// Takes in what has come, then `next` gives its frames. False: the warden is gone; frames may be left nevertheless.
  [[nodiscard]] bool receive();
  [[nodiscard]] std::optional<wire::frame> next() { return received_.next(); }
  [[nodiscard]] bool broken() const noexcept { return received_.broken(); }

  /// Drops the connection and what was not sent.
  void close();

private:
  result<void> shake_hands(bool limits);

  unique_fd socket_;
  wire::frame_reader received_;
  std::string unsent_;
  pid_t warden_pid_ = 0;
  std::string no_limits_;
};

} // namespace muster::process
