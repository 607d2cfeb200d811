#include "muster/base/base64.hpp"

#include <cstdint>

namespace muster {

int base64_value(char c) noexcept {
  if (c >= 'A' && c <= 'Z')
    return c - 'A';
  if (c >= 'a' && c <= 'z')
    return c - 'a' + 26;
  if (c >= '0' && c <= '9')
    return c - '0' + 52;
  if (c == '+')
    return 62;
  return c == '/' ? 63 : -1;
}

namespace {

bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

} // namespace

result<std::string> decode_base64(std::string_view text) {
  std::string out;
  out.reserve(text.size() / 4 * 3);
  std::uint32_t bits = 0;
  std::size_t digits = 0;
  std::size_t padding = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (is_space(c))
      continue;
    if (c == '=') {
      ++padding;
      continue;
    }
    const int value = base64_value(c);
    if (value < 0 || padding > 0)
      return error{ec::data_error, "invalid base64 at byte " + std::to_string(at)};
    bits = bits << 6U | static_cast<std::uint32_t>(value);
    ++digits;
    if (digits % 4 == 0)
      for (const unsigned shift : {16U, 8U, 0U})
        out.push_back(static_cast<char>(bits >> shift & 0xffU));
  }
  const auto rest = digits % 4;
  if (rest == 1 || (padding > 0 && (rest == 0 || rest + padding != 4)))
    return error{ec::data_error, "invalid base64: its end is missing"};
  if (rest == 2)
    out.push_back(static_cast<char>(bits >> 4U & 0xffU));
  if (rest == 3)
    for (const unsigned shift : {10U, 2U})
      out.push_back(static_cast<char>(bits >> shift & 0xffU));
  return out;
}

} // namespace muster
