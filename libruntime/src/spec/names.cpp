#include "muster/spec/names.hpp"

#include <algorithm>
#include <vector>

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

std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t bound) {
  const auto difference = a.size() > b.size() ? a.size() - b.size() : b.size() - a.size();
  if (difference > bound)
    return bound + 1;
  std::vector<std::size_t> before_last;
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j)
    last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const auto same = lower(a[i - 1]) == lower(b[j - 1]);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0U : 1U)});
      const bool swapped = i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]);
      if (swapped)
        row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    before_last = last;
    last = row;
  }
  return std::min(last[b.size()], bound + 1);
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
