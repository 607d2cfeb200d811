#pragma once

#include "muster/store/records.hpp"

#include <optional>
#include <string_view>

namespace muster::cli {

/// An event as a head sends it, a line of JSON. The keys of rows are not in it and stay at zero. Nothing if it is none.
[[nodiscard]] std::optional<store::named_event> read_event(std::string_view json);

} // namespace muster::cli
