#pragma once

#include "muster/spec/model.hpp"
#include "muster/state/status.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace muster {

/// What an ended attempt comes to.
struct exit_decision {
  muster::status status = muster::status::failed; ///< RESCHEDULED: a next attempt follows.
  std::string message; ///< Why an exit action changed the outcome, or could not; empty if none did.
};

/// Applies exit actions to an attempt that ended as `before` with `code`. The first rule that holds the code wins; the
/// pool's rules count only when none of the task's does. RESCHEDULE needs `attempt < max_retries`.
/// Codes above 255 are OSMO's own, such as 3004 for an eviction.
[[nodiscard]] exit_decision decide_exit(status before, std::int64_t code, const std::vector<spec::exit_rule>& rules,
                                        const std::vector<spec::exit_rule>& pool_rules, std::uint32_t attempt,
                                        std::uint32_t max_retries);

} // namespace muster
