#pragma once

#include "muster/base/unique_fd.hpp"

#include <string_view>

namespace muster::process {

/// A program of these bytes that lies in memory only and can be run as `/proc/self/fd/N`; closed by exec. Nobody can
/// change it any more. Nothing, with errno set, where the host has no memory for it or runs nothing from memory.
[[nodiscard]] unique_fd program_in_memory(const char* name, std::string_view bytes);

} // namespace muster::process
