#pragma once

#include "executors/driver.hpp"
#include "executors/machine/discovery.hpp"
#include "executors/process/warden/log_guard.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

namespace muster {

/// How the process driver is set up.
struct process_config {
  std::filesystem::path state_directory;
  /// Indices that this host has for tasks. Unset: those that NVML finds.
  std::optional<std::vector<std::uint32_t>> gpus;
  bool claims_gpus = false;    ///< Offers none that another one of this machine has claimed, and claims the others.
  machine::sources look_at;    ///< Where the machine is looked at.
  bool keep_work = false;      ///< Work folders with something in them stay when attempts are removed.
  bool enforce_limits = false; ///< Each attempt gets a control group with its memory, CPU time and processes as limits;
                               ///< `probe` fails with `unsupported` where that is not permitted.
  std::int64_t most_processes = 4'096; ///< Processes and threads of an attempt whose limits are enforced.
  process::log_limits logs;
  std::chrono::milliseconds leftover_grace{2'000}; ///< For processes that a task leaves behind when it ends.
};

/// The driver for bare Linux hosts: attempts are processes of this machine, children of the state directory's warden,
/// which is launched when there is none and outlives the driver. Two threads: one that talks to the warden, one for
/// files.
[[nodiscard]] std::unique_ptr<driver> make_process_driver(process_config config);

} // namespace muster
