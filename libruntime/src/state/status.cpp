#include "muster/state/status.hpp"

#include <array>
#include <utility>

namespace muster {

namespace {

constexpr std::array<std::pair<status, std::string_view>, 23> names{{
    {status::pending, "PENDING"},
    {status::submitting, "SUBMITTING"},
    {status::waiting, "WAITING"},
    {status::processing, "PROCESSING"},
    {status::scheduling, "SCHEDULING"},
    {status::initializing, "INITIALIZING"},
    {status::running, "RUNNING"},
    {status::completed, "COMPLETED"},
    {status::rescheduled, "RESCHEDULED"},
    {status::skipped, "SKIPPED"},
    {status::failed, "FAILED"},
    {status::failed_canceled, "FAILED_CANCELED"},
    {status::failed_server_error, "FAILED_SERVER_ERROR"},
    {status::failed_backend_error, "FAILED_BACKEND_ERROR"},
    {status::failed_exec_timeout, "FAILED_EXEC_TIMEOUT"},
    {status::failed_queue_timeout, "FAILED_QUEUE_TIMEOUT"},
    {status::failed_image_pull, "FAILED_IMAGE_PULL"},
    {status::failed_upstream, "FAILED_UPSTREAM"},
    {status::failed_evicted, "FAILED_EVICTED"},
    {status::failed_start_error, "FAILED_START_ERROR"},
    {status::failed_start_timeout, "FAILED_START_TIMEOUT"},
    {status::failed_preempted, "FAILED_PREEMPTED"},
    {status::failed_submission, "FAILED_SUBMISSION"},
}};

} // namespace

std::string_view to_string(status s) noexcept {
  for (const auto& [value, name] : names)
    if (value == s)
      return name;
  return "UNSPECIFIED";
}

std::optional<status> parse_status(std::string_view text) noexcept {
  for (const auto& [value, name] : names)
    if (name == text)
      return value;
  return std::nullopt;
}

} // namespace muster
