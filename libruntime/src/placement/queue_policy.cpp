#include "muster/placement/queue_policy.hpp"

#include <algorithm>

namespace muster {

const char* to_string(gang_priority x) noexcept {
  switch (x) {
    case gang_priority::high: return "HIGH";
    case gang_priority::normal: return "NORMAL";
    case gang_priority::low: return "LOW";
  }
  return "";
}

std::optional<gang_priority> parse_priority(std::string_view text) noexcept {
  const auto same = [](char a, char b) { return (a >= 'a' && a <= 'z' ? static_cast<char>(a - 'a' + 'A') : a) == b; };
  for (const auto x : {gang_priority::high, gang_priority::normal, gang_priority::low})
    if (const std::string_view name{to_string(x)}; std::equal(text.begin(), text.end(), name.begin(), name.end(), same))
      return x;
  return std::nullopt;
}

} // namespace muster
