#include "cli/suggest.hpp"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <numeric>

namespace muster::cli {

namespace {

/// Insertions, deletions, replacements and swaps of neighbours between `a` and `b`.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> above(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(above.begin(), above.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, changed});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, above);
    std::swap(above, row);
  }
  return above[b.size()];
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

} // namespace

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  constexpr std::size_t longest_word = 64;
  if (word.empty() || word.size() > longest_word)
    return {};
  std::size_t best = word.size() <= 3 ? 2 : word.size() / 3 + 2;
  std::string found;
  for (const auto& candidate : candidates) {
    if (candidate.size() > 2 * longest_word)
      continue;
    const auto distance = edit_distance(lower(word), lower(candidate));
    if (distance < best) {
      best = distance;
      found = candidate;
    }
  }
  return found;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
  const auto found = nearest(word, candidates);
  return found.empty() ? std::string{} : "; did you mean '" + found + "'?";
}

std::string did_you_mean_or_known(std::string_view word, const std::vector<std::string>& candidates) {
  auto out = did_you_mean(word, candidates);
  if (out.empty())
    for (const auto& candidate : candidates)
      out += (out.empty() ? "; known are " : ", ") + candidate;
  return out;
}

} // namespace muster::cli
