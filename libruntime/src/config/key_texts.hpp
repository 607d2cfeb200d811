#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace muster::config {

/// Keys of a file of configuration with the texts of their values, in order.
using key_texts = std::vector<std::pair<std::string, std::string>>;

/// Which keys two of them have not in common, or with other values.
[[nodiscard]] inline std::vector<std::string> different_keys(const key_texts& a, const key_texts& b) {
  std::vector<std::string> out;
  const auto compare = [&out](const key_texts& these, const key_texts& others) {
    for (const auto& x : these)
      if (std::find(others.begin(), others.end(), x) == others.end() &&
          std::find(out.begin(), out.end(), x.first) == out.end())
        out.push_back(x.first);
  };
  compare(a, b);
  compare(b, a);
  return out;
}

} // namespace muster::config
