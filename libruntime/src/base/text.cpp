#include "muster/base/text.hpp"

#include <algorithm>

namespace muster {

namespace {

bool is_ascii_alphanumeric(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

} // namespace

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
    if (is_ascii_alphanumeric(c) || marks.find(c) != std::string_view::npos) {
      out += c;
      continue;
    }
    out += '%';
    out += digits[byte >> 4U];
    out += digits[byte & 15U];
  }
  return out;
}

std::string shell_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text)
    out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string shell_word(std::string_view text) {
  constexpr std::string_view marks = "%+,-./:=@_"; // Whatever stands before or after them, these mean themselves.
  const auto is_plain = [&](char c) { return is_ascii_alphanumeric(c) || marks.find(c) != std::string_view::npos; };
  const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), is_plain);
  return plain ? std::string{text} : shell_quoted(text);
}

} // namespace muster
