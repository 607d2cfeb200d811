#pragma once

#include "executors/driver.hpp"

#include <filesystem>

namespace muster::machine {

/// What this host offers to this process: CPUs of its affinity and its cgroups' quota, memory of the host and of its
/// cgroups' limits (version 1, 2 or both), the free space of the file system of `state`. GPUs are not looked for.
/// `root` is where the kernel's file systems are: `/`, or a made-up tree.
[[nodiscard]] result<capacity> host_capacity(const std::filesystem::path& state,
                                             const std::filesystem::path& root = "/");

} // namespace muster::machine
