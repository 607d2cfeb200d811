#include "muster/spec/names.hpp"

#include <algorithm>

namespace muster::spec {

namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_word(char c) {
  return is_letter(c) || (c >= '0' && c <= '9');
}

} // namespace

bool is_name(std::string_view text) noexcept {
  return !text.empty() && is_letter(text.front()) && is_word(text.back()) &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_word(c) || c == '-' || c == '_'; });
}

std::string normal_name(std::string_view name) {
  std::string out{name};
  std::transform(out.begin(), out.end(), out.begin(), [](char c) { return c == '_' ? '-' : lower(c); });
  return out;
}

std::optional<task_reference> parse_task_reference(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) {
    if (!is_name(text))
      return std::nullopt;
    return task_reference{"", std::string{text}};
  }
  if (!is_name(text.substr(0, colon)) || !is_name(text.substr(colon + 1)))
    return std::nullopt;
  return task_reference{std::string{text.substr(0, colon)}, std::string{text.substr(colon + 1)}};
}

std::string_view local_name(std::string_view full_name) noexcept {
  for (;;) {
    const auto dot = full_name.rfind('.');
    if (dot == std::string_view::npos)
      return full_name;
    const auto last = full_name.substr(dot + 1);
    // Elements and rounds are numbers, and no name begins with a digit.
    if (last.find_first_not_of("0123456789") != std::string_view::npos)
      return last;
    full_name = full_name.substr(0, dot);
  }
}

} // namespace muster::spec
