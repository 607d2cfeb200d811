#include "muster/spec/exit_words.hpp"

#include <algorithm>

namespace muster::spec {

const char* to_string(exit_action x) noexcept {
  switch (x) {
    case exit_action::complete: return "COMPLETE";
    case exit_action::fail: return "FAIL";
    case exit_action::reschedule: return "RESCHEDULE";
  }
  return "";
}

std::optional<exit_action> parse_exit_action(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  for (const auto x : {exit_action::complete, exit_action::fail, exit_action::reschedule})
    if (name == to_string(x))
      return x;
  return std::nullopt;
}

} // namespace muster::spec
