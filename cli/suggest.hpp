#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace muster::cli {

/// `; did you mean 'x'?`, or nothing if no candidate is near.
[[nodiscard]] std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

/// The same; if no candidate is near, `; known are x, y`.
[[nodiscard]] std::string did_you_mean_or_known(std::string_view word, const std::vector<std::string>& candidates);

} // namespace muster::cli
