#pragma once

#include "muster/spec/model.hpp"

#include <optional>
#include <string>

namespace muster::spec {

/// The key of `exitActions`: `COMPLETE`, `FAIL` or `RESCHEDULE`.
[[nodiscard]] const char* to_string(exit_action x) noexcept;

/// The inverse of `to_string`, in any case of letters.
[[nodiscard]] std::optional<exit_action> parse_exit_action(std::string name);

} // namespace muster::spec
