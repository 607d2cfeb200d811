#pragma once

#include "muster/base/result.hpp"

#include <string>

namespace muster::cli {

/// The IPv4 address that `--address` means: itself, or the first one of the network interface of that name. Fails with
/// `invalid_argument`.
[[nodiscard]] result<std::string> node_address(const std::string& text);

/// Whether a network interface of this machine has that IPv4 address, or it is one of loopback; also where they cannot
/// be listed.
[[nodiscard]] bool is_own_address(const std::string& text);

} // namespace muster::cli
