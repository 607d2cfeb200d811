#pragma once

#include "muster/base/ids.hpp"
#include "muster/base/time.hpp"
#include "muster/store/layout.hpp"

#include <optional>

/// Where the wall clock decides something. It may jump, forth and back; within a process all waiting counts on the
/// steady clock, so this is only about what has to outlive a restart.
namespace muster {

/// How long ago that was; nothing, or a time that has not come, is no time ago.
[[nodiscard]] duration passed_since(const std::optional<timestamp>& since, timestamp now);

/// The first epoch of a runtime that starts at `now`, the one before having begun with `last` (0 if there was none):
/// above all that were given out by then, whatever the clock says.
[[nodiscard]] epoch epoch_after(epoch last, timestamp now);

/// The first epoch of a runtime that starts now over this directory, which must be locked; notes it for the next one.
/// Where that cannot be written, as on a full disk, the wall clock alone has to do next time.
[[nodiscard]] epoch take_first_epoch(const store::state_directory& directory, timestamp now);

} // namespace muster
