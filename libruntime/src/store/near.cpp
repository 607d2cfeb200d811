#include "near.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace muster::store {

namespace {

/// Letters to insert, delete or replace.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j)
    row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    auto diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const auto replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

} // namespace

std::string suggestion(std::string_view asked, std::vector<std::string> candidates) {
  constexpr std::size_t longest = 256;
  if (asked.size() > longest)
    return {};
  std::vector<std::pair<std::size_t, std::string>> near;
  for (auto& x : candidates) {
    if (x.size() > longest)
      continue;
    const auto begins = !asked.empty() && x.size() > asked.size() && x.compare(0, asked.size(), asked) == 0;
    const auto far = begins ? std::size_t{1} : distance(asked, x);
    if (far <= 1 + std::max(asked.size(), x.size()) / 4)
      near.emplace_back(far, std::move(x));
  }
  std::stable_sort(near.begin(), near.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  if (near.size() > 3)
    near.resize(3);
  std::string out;
  for (std::size_t i = 0; i < near.size(); ++i)
    out += (i == 0 ? "; did you mean " : i + 1 == near.size() ? " or " : ", ") + near[i].second;
  return out.empty() ? out : out + "?";
}

} // namespace muster::store
