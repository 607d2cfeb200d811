#pragma once

#include "executors/machine_facts.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

/// How this machine is built, as the kernel tells it. `root` is where its file systems are: `/`, or a made-up tree.
namespace muster::machine {

/// The NUMA nodes that have CPUs or memory; empty where the kernel does not know of any.
[[nodiscard]] std::vector<numa_facts> numa_nodes(const std::filesystem::path& root);

/// The NUMA node that a PCI device is near to.
[[nodiscard]] std::optional<std::uint32_t> numa_node_of(const std::filesystem::path& root, const std::string& pci);

/// `muster/hostname`, `muster/os`, `muster/kernel`, `muster/arch`, `muster/cpu-model` and, if all of `gpus` are of one
/// model, `muster/gpu-model`; as far as they are known.
[[nodiscard]] std::map<std::string, std::string> labels_of(const std::filesystem::path& root,
                                                           const std::vector<gpu_facts>& gpus);

/// `text` as the value of a label: `NVIDIA H200` becomes `NVIDIA-H200`. At most 63 letters, digits, `-_.`.
[[nodiscard]] std::string label_value(const std::string& text);

} // namespace muster::machine
