#include "muster/spec/quantity.hpp"

#include "spec/python_number.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <utility>

namespace muster::spec {

namespace {

constexpr std::array<std::pair<std::string_view, int>, 15> units = {{{"", 0},
                                                                     {"T", 40},
                                                                     {"Ti", 40},
                                                                     {"TiB", 40},
                                                                     {"G", 30},
                                                                     {"Gi", 30},
                                                                     {"GiB", 30},
                                                                     {"M", 20},
                                                                     {"Mi", 20},
                                                                     {"MiB", 20},
                                                                     {"K", 10},
                                                                     {"Ki", 10},
                                                                     {"KiB", 10},
                                                                     {"B", 0},
                                                                     {"m", -10}}};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

} // namespace

result<double> parse_quantity(std::string_view original) {
  const auto folded = fold_digits(original);
  const std::string_view text = folded;
  const auto bad = [&](const std::string& why) {
    return error{ec::invalid_argument, "'" + std::string{original.substr(0, 40)} + "' " + why};
  };
  std::size_t at = 0;
  while (at < text.size() && is_digit(text[at]))
    ++at;
  if (at == 0)
    return bad("is no quantity, write a number and a unit, such as 16Gi");
  if (at + 1 < text.size() && text[at] == '.' && is_digit(text[at + 1])) {
    ++at;
    while (at < text.size() && is_digit(text[at]))
      ++at;
  }
  const auto unit = text.substr(at);
  for (const auto& [name, shift] : units)
    if (unit == name)
      return std::ldexp(python_float(text.substr(0, at)).value_or(0), shift);
  for (const char c : unit)
    if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z'))
      return bad("is no quantity, write a number and a unit, such as 16Gi");
  return bad("has the unknown unit '" + std::string{unit} +
             "', units are T, G, M, K (each also with i or iB), B and m");
}

result<std::int64_t> parse_bytes(std::string_view text) {
  const auto size = parse_quantity(text);
  if (!size)
    return size.failure();
  const auto whole = std::ceil(*size);
  if (whole >= static_cast<double>(std::numeric_limits<std::int64_t>::max()))
    return std::numeric_limits<std::int64_t>::max();
  return static_cast<std::int64_t>(whole);
}

std::string bytes_text(std::int64_t bytes) {
  constexpr std::array<std::pair<int, const char*>, 4> steps = {{{40, "Ti"}, {30, "Gi"}, {20, "Mi"}, {10, "Ki"}}};
  for (const auto& [shift, name] : steps) {
    const auto size = std::int64_t{1} << shift;
    if (bytes != 0 && bytes % size == 0)
      return std::to_string(bytes / size) + name;
  }
  return std::to_string(bytes);
}

} // namespace muster::spec
