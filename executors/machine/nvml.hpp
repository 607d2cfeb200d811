#pragma once

#include "executors/machine_facts.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace muster::machine {

/// As the driver's packages install it.
constexpr auto nvml_library = "libnvidia-ml.so.1";

/// A GPU that is there and of no use.
struct unusable_gpu {
  std::uint32_t index = 0; ///< As NVML counts.
  std::string why;         ///< For people.
};

/// What NVML says of this machine's GPUs, as it counts them: in the order of the PCI bus.
struct nvml_answer {
  std::vector<gpu_facts> gpus; ///< That can be used.
  std::vector<std::vector<std::uint32_t>> links;
  std::vector<unusable_gpu> unusable;
  bool has_library = false;
  std::string problem; ///< Why it has no answer, for people; empty if it has one, or there is no library.
};

/// Asks NVIDIA's management library, which is loaded for as long as that takes. May block for seconds: a driver that
/// nobody uses starts its GPUs first. Never fails: what is wrong is said in the answer.
[[nodiscard]] nvml_answer ask_nvml(const std::string& library = nvml_library);

} // namespace muster::machine
