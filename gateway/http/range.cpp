#include "gateway/http/range.hpp"

#include "muster/base/text.hpp"

#include <algorithm>
#include <charconv>

namespace muster::http {
namespace {

/// A decimal number of any length; larger ones than fit are the largest.
std::optional<std::uint64_t> number_of(std::string_view text) {
  std::uint64_t x = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), x);
  if (text.empty() || end != text.data() + text.size() || error == std::errc::invalid_argument)
    return std::nullopt;
  return error == std::errc::result_out_of_range ? UINT64_MAX : x;
}

} // namespace

byte_range parse_range(std::string_view header, std::uint64_t size) {
  constexpr std::string_view unit = "bytes=";
  const byte_range all{0, size, byte_range::kind::all};
  const byte_range none{0, 0, byte_range::kind::none};
  if (header.substr(0, unit.size()) != unit)
    return all;
  const auto text = trimmed(header.substr(unit.size()));
  const auto dash = text.find('-');
  if (dash == std::string_view::npos || text.find(',') != std::string_view::npos)
    return all;
  const auto first = number_of(text.substr(0, dash));
  const auto last = number_of(text.substr(dash + 1));
  if (dash == 0) { // The last so many.
    if (!last)
      return all;
    if (*last == 0 || size == 0)
      return none;
    const auto count = std::min(*last, size);
    return {size - count, count, byte_range::kind::some};
  }
  if (!first || (!last && dash + 1 != text.size()) || (last && *last < *first))
    return all;
  if (*first >= size)
    return none;
  const auto end = std::min(last.value_or(size - 1), size - 1);
  return {*first, end - *first + 1, byte_range::kind::some};
}

std::string content_range(const byte_range& x, std::uint64_t size) {
  if (x.what == byte_range::kind::none)
    return "bytes */" + std::to_string(size);
  return "bytes " + std::to_string(x.first) + '-' + std::to_string(x.first + x.size - 1) + '/' + std::to_string(size);
}

bool names_tag(std::string_view list, std::string_view tag, bool weak) {
  while (!list.empty()) {
    const auto end = std::min(list.find(','), list.size());
    auto one = trimmed(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
    if (one == "*")
      return true;
    if (one.substr(0, 2) == "W/") {
      if (!weak)
        continue;
      one.remove_prefix(2);
    }
    if (one == tag)
      return true;
  }
  return false;
}

} // namespace muster::http
