#pragma once

#include "muster/base/result.hpp"

#include <cstddef>
#include <string>

namespace muster::spec {

/// What a file that a spec names by `localpath` may hold.
constexpr std::size_t largest_local_file = std::size_t{16} << 20U;

/// The bytes of a regular file of at most `limit` bytes. Never blocks on a FIFO or device.
[[nodiscard]] result<std::string> read_regular_file(const std::string& path, std::size_t limit);

} // namespace muster::spec
