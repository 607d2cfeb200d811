#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace muster::cli {

/// The candidate nearest to `word` by edit distance, if it is near enough to be a slip of the hand; else empty. Case
/// makes no difference.
[[nodiscard]] std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

/// `; did you mean 'x'?`, or nothing if no candidate is near.
[[nodiscard]] std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

/// The same; if no candidate is near, `; known are x, y`.
[[nodiscard]] std::string did_you_mean_or_known(std::string_view word, const std::vector<std::string>& candidates);

} // namespace muster::cli
