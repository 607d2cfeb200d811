#pragma once

#include "muster/base/result.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace muster::docker {

/// How a small program ended.
struct helper_outcome {
  int exit_code = 0;  ///< 128 + signal when a signal ended it.
  std::string output; ///< Of its stdout.
};

/// Runs `argv` (looked up in PATH, without a shell) with `input` on its stdin and blocks until it ends. At the deadline
/// it is killed. Fails with `unavailable` (it cannot be started), `timed_out`, `limit_exceeded` (more than 1 MiB of
/// output). What it writes to stderr is dropped.
[[nodiscard]] result<helper_outcome> run_helper(const std::vector<std::string>& argv, const std::string& input,
                                                std::chrono::milliseconds deadline);

} // namespace muster::docker
