#pragma once

#include "muster/base/result.hpp"

#include <caf/error.hpp>

#include <chrono>
#include <string>
#include <vector>

namespace muster {

/// Muster's error as CAF carries it between actors: the code in category `muster`, the text as context.
[[nodiscard]] caf::error to_caf(const error& x);

/// The inverse. Errors of CAF itself become `ec::internal` (or `ec::timed_out`), with CAF's text.
[[nodiscard]] error from_caf(const caf::error& x);

/// Several reasons as one text.
[[nodiscard]] std::string joined(const std::vector<std::string>& reasons);

/// Of who was asked to cancel a workflow that has just ended: `conflict`.
[[nodiscard]] caf::error has_ended(const std::string& workflow);

/// As `from_caf`, for who waited `limit` for an answer: `unavailable` if none came, or if nobody is there any more.
[[nodiscard]] error no_answer(const caf::error& why, std::chrono::milliseconds limit);

} // namespace muster
