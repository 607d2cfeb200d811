#pragma once

#include "executors/driver.hpp"

#include <filesystem>

namespace muster::process {

/// What this host offers to this process: CPUs of its affinity and its cgroups' quota, memory of the host and of its
/// cgroups' limits, the free space of the file system of `state`. GPUs are what the caller declares.
[[nodiscard]] result<capacity> host_capacity(const std::filesystem::path& state);

} // namespace muster::process
