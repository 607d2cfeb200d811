#pragma once

#include "executors/machine/nvml.hpp"
#include "executors/machine_facts.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace muster::machine {

/// Where a machine is looked at; others for tests.
struct sources {
  std::filesystem::path root = "/";
  std::string nvml = nvml_library;
};

/// What was found out.
struct discovery {
  std::vector<std::uint32_t> gpus; ///< Indices that may be leased.
  std::string no_gpus_because;     ///< For people; empty if there is nothing to say.
  bool has_gpus = false;           ///< Offered or not.
  machine_facts facts;
};

/// Looks at this machine. `declared` are the GPUs that somebody says it has: they win, and where they differ from what
/// is found the log says it. GPUs keep their indices in the file `gpu-numbers` of `state` until the machine is started
/// anew. May block for seconds.
[[nodiscard]] discovery discover(const std::filesystem::path& state,
                                 const std::optional<std::vector<std::uint32_t>>& declared, const sources& at = {});

} // namespace muster::machine
