#pragma once

#include "executors/driver.hpp"
#include "executors/machine/gpu_claim.hpp"
#include "executors/machine/nvml.hpp"
#include "executors/machine_facts.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace muster::machine {

/// Where a machine is looked at; others for tests.
struct sources {
  std::filesystem::path root = "/";
  std::string nvml = nvml_library;
  std::filesystem::path claims = claims_folder();
};

/// What was found out.
struct discovery {
  std::vector<std::uint32_t> gpus;   ///< Indices that may be leased.
  std::string no_gpus_because;       ///< For people; empty if there is nothing to say.
  bool has_gpus = false;             ///< Offered or not.
  std::vector<std::string> warnings; ///< For people.
  machine_facts facts;
};

/// Looks at this machine. `declared` are the GPUs that somebody says it has: they win, and where they differ from what
/// is found that is a warning. With `claims`, what another agent of this machine has claimed is not offered, and the
/// rest is claimed. GPUs keep their indices in the file `gpu-numbers` of `state` until the machine is started anew. May
/// block for seconds.
[[nodiscard]] discovery discover(const std::filesystem::path& state,
                                 const std::optional<std::vector<std::uint32_t>>& declared, gpu_claims* claims,
                                 const sources& at = {});

/// Looks at a machine again and again, as `discover`, and logs the warnings that are new. What it has claimed, if it
/// claims anything, it keeps while it lives. For one thread at a time.
class machine_watch {
public:
  machine_watch(std::filesystem::path state, std::optional<std::vector<std::uint32_t>> declared, sources at = {},
                bool claims = false)
      : state_(std::move(state)), declared_(std::move(declared)), at_(std::move(at)) {
    if (claims)
      claims_.emplace(at_.claims,
                      claimant{std::filesystem::absolute(state_).lexically_normal(), declared_.has_value()});
  }
  [[nodiscard]] discovery look();

private:
  std::filesystem::path state_;
  std::optional<std::vector<std::uint32_t>> declared_;
  sources at_;
  std::optional<gpu_claims> claims_;
  std::vector<std::string> said_; ///< Of the last time.
};

/// Takes over what was found. True if that makes other GPUs than before, or connects them otherwise.
bool take_machine(discovery found, capabilities& offered);

} // namespace muster::machine
