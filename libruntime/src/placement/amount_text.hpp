#pragma once

#include "muster/placement/wait_reason.hpp"

#include <cstdint>
#include <string>

/// Amounts for people. Private to placement.
namespace muster {

/// `1 node`, `2 nodes`.
[[nodiscard]] std::string count_text(std::int64_t n, const char* one);

/// `2`, `1.5 GiB`: of what is known already.
[[nodiscard]] std::string amount_text(resource_kind what, std::int64_t n);

/// `2 CPUs`, `1.5 GiB of memory`.
[[nodiscard]] std::string amount_of(resource_kind what, std::int64_t n);

} // namespace muster
