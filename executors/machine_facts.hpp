#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

/// What is known of a machine besides how much it has. Values only.
namespace muster {

/// A GPU, as its driver describes it.
struct gpu_facts {
  std::uint32_t index = 0; ///< By which it is leased; of the same GPU until the machine is started anew.
  std::string uuid;        ///< `GPU-...`
  std::string model;       ///< `NVIDIA H200`
  std::int64_t memory = 0; ///< Bytes; 0 if it has none of its own.
  std::string pci;         ///< `0000:65:00.0`; empty if that is not known.
  std::optional<std::uint32_t> numa_node{};
};

/// A NUMA node: CPUs that have their memory near.
struct numa_facts {
  std::uint32_t number = 0;
  std::string cpus;        ///< `0-15,32-47`
  std::int64_t memory = 0; ///< Bytes.
};

/// What is known of a machine.
struct machine_facts {
  std::vector<gpu_facts> gpus;                       ///< Ascending by index; those that were found and are offered.
  std::vector<std::vector<std::uint32_t>> gpu_links; ///< Indices that NVLink connects with each other; disjoint.
  std::vector<std::string> gpu_warnings;             ///< For people: what is not offered and why.
  std::vector<numa_facts> numa;                      ///< Ascending.
  std::map<std::string, std::string> labels;         ///< `muster/arch`, `muster/gpu-model`, ...
};

} // namespace muster
