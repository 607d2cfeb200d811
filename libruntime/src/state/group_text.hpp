#pragma once

#include "muster/base/result.hpp"
#include "muster/base/time.hpp"
#include "muster/state/status.hpp"

#include <string>
#include <string_view>

/// What a group says for people, and the statuses that errors become.
namespace muster::text {

/// Of siblings when the lead has ended. OSMO's words.
constexpr std::string_view lead_finished = "Lead task finished";

/// Of siblings when a non-lead failed that may not. OSMO's words.
[[nodiscard]] inline std::string task_failed(std::string_view name) {
  return "Task " + std::string{name} + " Failed.";
}

/// Of attempts that another task's retry ended.
constexpr std::string_view restarted = "Restarted with its group";

[[nodiscard]] inline std::string task(std::string_view name, std::string_view what) {
  return "Task " + std::string{name} + ": " + std::string{what};
}

[[nodiscard]] inline std::string again(std::string_view why) {
  return "Will be tried again: " + std::string{why};
}

/// `exec timeout of 5s exceeded`.
[[nodiscard]] inline std::string timeout(std::string_view which, duration limit) {
  const auto us = limit.count();
  const auto amount = us % 1'000'000 == 0 ? std::to_string(us / 1'000'000) + "s"
                      : us % 1'000 == 0   ? std::to_string(us / 1'000) + "ms"
                                          : std::to_string(us) + "us";
  return std::string{which} + " of " + amount + " exceeded";
}

/// The status of an attempt that could not be placed, prepared or started.
[[nodiscard]] inline status failure_status(ec code) noexcept {
  if (code == ec::image_pull_failed)
    return status::failed_image_pull;
  if (code == ec::start_timeout)
    return status::failed_start_timeout;
  if (kind(code) == error_kind::transient)
    return status::failed_backend_error;
  return kind(code) == error_kind::bug ? status::failed_server_error : status::failed_start_error;
}

} // namespace muster::text
