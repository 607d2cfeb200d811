#pragma once

#include "executors/driver.hpp"

#include <cstdint>
#include <optional>

namespace muster::machine {

/// As much of a machine as a node offers; what is unset: all of it.
struct share {
  std::optional<std::int64_t> cpu;
  std::optional<std::int64_t> memory;  ///< Bytes.
  std::optional<std::int64_t> storage; ///< Bytes.
};

/// Fails with `invalid_argument` if it has more CPUs or memory than `total`. Storage that is short is no error: what is
/// free shrinks with what the node's own tasks write, and they want to be found by its next start.
[[nodiscard]] result<void> check_share(const share& x, const capacity& total);

/// Leaves of `total` what is in the share.
void limit_to(const share& x, capacity& total);

} // namespace muster::machine
