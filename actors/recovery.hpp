#pragma once

#include "muster/base/ids.hpp"
#include "muster/base/result.hpp"

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

/// What `runtime::recover` says. Plain values.
namespace muster {

/// How far it has come.
struct recovery_progress {
  std::size_t found = 0;    ///< Unfinished workflows.
  std::size_t taken_up = 0; ///< Live again, or found to be live.
  std::size_t held = 0;     ///< Their pool is unavailable: taken up when it is there.
  std::size_t failed = 0;   ///< They cannot be taken up; see `recovery_report::failures`.

  [[nodiscard]] std::size_t done() const noexcept { return taken_up + held + failed; }
};

/// A workflow that could not be taken up. It stays as it is; `runtime::resume` tries again.
struct recovery_failure {
  workflow_key key;
  std::string id;
  error why;
};

/// What became of all unfinished workflows.
struct recovery_report {
  recovery_progress counts;
  std::vector<recovery_failure> failures; ///< The first hundred.
};

/// Told now and then how far it has come, from any of several threads, one at a time.
using recovery_handler = std::function<void(const recovery_progress&)>;

} // namespace muster
