#include "muster/base/text.hpp"

namespace muster {

std::string_view trimmed(std::string_view x, std::string_view blanks) noexcept {
  const auto begin = x.find_first_not_of(blanks);
  return begin == std::string_view::npos ? std::string_view{} : x.substr(begin, x.find_last_not_of(blanks) - begin + 1);
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  constexpr std::string_view marks = "-._~";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
        marks.find(c) != std::string_view::npos) {
      out += c;
      continue;
    }
    out += '%';
    out += digits[byte >> 4U];
    out += digits[byte & 15U];
  }
  return out;
}

} // namespace muster
