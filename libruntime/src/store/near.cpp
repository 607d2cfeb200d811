#include "near.hpp"

#include "muster/base/nearest.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace muster::store {

std::string suggestion(std::string_view asked, std::vector<std::string> candidates) {
  constexpr std::size_t longest = 256;
  if (asked.size() > longest)
    return {};
  std::vector<std::pair<std::size_t, std::string>> near;
  for (auto& x : candidates) {
    if (x.size() > longest)
      continue;
    const auto begins = !asked.empty() && x.size() > asked.size() && x.compare(0, asked.size(), asked) == 0;
    const auto bound = 1 + std::max(asked.size(), x.size()) / 4;
    const auto far = begins ? std::size_t{1} : edit_distance(asked, x, bound);
    if (far <= bound)
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
