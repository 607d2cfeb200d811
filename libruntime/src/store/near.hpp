#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace muster::store {

/// "; did you mean x or y?" with up to three of `candidates` that are near to `asked`, or nothing.
[[nodiscard]] std::string suggestion(std::string_view asked, std::vector<std::string> candidates);

} // namespace muster::store
