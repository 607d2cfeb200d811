#pragma once

#include "muster/base/result.hpp"
#include "muster/state/status.hpp"

namespace muster::cli {

/// What the process ends with. Scripts rely on these: they never change.
enum exit_code : int {
  exit_completed = 0,
  exit_error = 1,
  exit_usage = 2,
  exit_workflow_failed = 3,
  exit_not_found = 4,
  exit_conflict = 5,    ///< The state of it forbids the request.
  exit_denied = 6,      ///< A head wants a token, or another one.
  exit_unreachable = 7, ///< There is no head, or it does not answer.
  exit_timeout = 8,
  exit_interrupted = 130,
};

/// The exit code for an error of the libraries.
[[nodiscard]] constexpr exit_code exit_code_of(ec code) noexcept {
  switch (code) {
    case ec::none: return exit_completed;
    case ec::not_found: return exit_not_found;
    case ec::conflict: return exit_conflict;
    case ec::timed_out: return exit_timeout;
    case ec::canceled: return exit_interrupted;
    default: return exit_error;
  }
}

/// The exit code for a workflow that ended as `s`. Timeouts that the spec asks for count as timeouts.
[[nodiscard]] constexpr exit_code exit_code_of(status s) noexcept {
  switch (s) {
    case status::completed: return exit_completed;
    case status::failed_exec_timeout:
    case status::failed_queue_timeout: return exit_timeout;
    default: return exit_workflow_failed;
  }
}

} // namespace muster::cli
