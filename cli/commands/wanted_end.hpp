#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

namespace muster::cli {

/// The end of a workflow that its user asked for. It may be refused, as while a disk is full; then it is tried until it
/// is accepted: who asked for it, or set a time for it, should not have to ask again.
class wanted_end {
public:
  struct refusal {
    std::string why;    ///< For people; empty if there is nothing to be told.
    bool final = false; ///< There is no use in trying again.
  };
  /// Asks for a cancel; nothing if it was accepted.
  using ask = std::function<std::optional<refusal>(const std::string& message, bool force)>;
  using tell = std::function<void(const std::string&)>;

  wanted_end(ask to_cancel, tell note);

  /// Asks at once. What is forced is not taken back.
  void want(std::string message, bool force);
  /// Asks again for what was refused, when it is time. Call it often.
  void go_on();

private:
  struct request {
    std::string message;
    bool force = false;
    bool told = false; ///< That it was refused.
    std::chrono::steady_clock::time_point next{};
  };

  ask ask_;
  tell note_;
  std::optional<request> open_;
};

} // namespace muster::cli
