#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace muster {

/// How many insertions, deletions, replacements and swaps of neighbours make `a` of `b`, ASCII letters of either case
/// being one; at most `bound` + 1.
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t bound);

/// The one of `known` that `text` was most likely meant to be, or empty when none is near. Both must have something in
/// common; a text of more than 128 bytes is no slip of the hand.
template <class List>
[[nodiscard]] std::string_view nearest(std::string_view text, const List& known) {
  constexpr std::size_t longest = 128;
  std::string_view best;
  if (text.size() > longest)
    return best;
  auto best_distance = std::min(text.size() <= 3 ? 2 : text.size() / 3 + 2, text.size());
  for (const std::string_view x : known) {
    const auto distance = edit_distance(text, x, best_distance);
    if (distance < best_distance) {
      best_distance = distance;
      best = x;
    }
  }
  return best;
}

/// A question at the end of an error, "did you mean 'x'?", or empty when none of `known` is near.
template <class List>
[[nodiscard]] std::string did_you_mean(std::string_view text, const List& known) {
  const auto near = nearest(text, known);
  return near.empty() ? std::string{} : "did you mean '" + std::string{near} + "'?";
}

} // namespace muster
