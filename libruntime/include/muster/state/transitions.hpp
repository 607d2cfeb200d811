#pragma once

#include "muster/state/status.hpp"

namespace muster {

/// Whether an attempt in `from` may be recorded as `to`. Statuses only move forward, steps may be left out, a finished
/// one never changes; the same unfinished status again is allowed, to record a new reason. `unspecified` is "not yet
/// recorded".
[[nodiscard]] bool may_follow(status from, status to) noexcept;

/// The same for a group or a workflow, which are never RESCHEDULED.
[[nodiscard]] bool group_may_follow(status from, status to) noexcept;

} // namespace muster
