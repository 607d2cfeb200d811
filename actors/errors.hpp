#pragma once

#include "muster/base/result.hpp"

#include <caf/error.hpp>

namespace muster {

/// Muster's error as CAF carries it between actors: the code in category `muster`, the text as context.
[[nodiscard]] caf::error to_caf(const error& x);

/// The inverse. Errors of CAF itself become `ec::internal` (or `ec::timed_out`), with CAF's text.
[[nodiscard]] error from_caf(const caf::error& x);

} // namespace muster
