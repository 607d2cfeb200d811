#include "muster/base/utf8.hpp"

namespace muster {

namespace {

/// Length of the well-formed sequence at the start of `text`, 0 when there is none.
std::size_t sequence_length(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto tail = [&](std::size_t i) { return byte(i) >= 0x80U && byte(i) <= 0xbfU; };
  const auto lead = byte(0);
  if (lead < 0x80U)
    return 1;
  if (lead >= 0xc2U && lead <= 0xdfU)
    return tail(1) ? 2 : 0;
  if (lead >= 0xe0U && lead <= 0xefU) {
    const auto low = lead == 0xe0U ? 0xa0U : 0x80U;
    const auto high = lead == 0xedU ? 0x9fU : 0xbfU;
    return byte(1) >= low && byte(1) <= high && tail(2) ? 3 : 0;
  }
  if (lead >= 0xf0U && lead <= 0xf4U) {
    const auto low = lead == 0xf0U ? 0x90U : 0x80U;
    const auto high = lead == 0xf4U ? 0x8fU : 0xbfU;
    return byte(1) >= low && byte(1) <= high && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

} // namespace

std::size_t first_invalid_utf8(std::string_view text) noexcept {
  std::size_t at = 0;
  while (at < text.size()) {
    if (static_cast<unsigned char>(text[at]) < 0x80U) {
      ++at;
      continue;
    }
    const auto length = sequence_length(text.substr(at));
    if (length == 0)
      return at;
    at += length;
  }
  return at;
}

void append_utf8(std::string& out, char32_t code_point) {
  const auto put = [&](char32_t byte) { out += static_cast<char>(byte); };
  if (code_point < 0x80U) {
    put(code_point);
  } else if (code_point < 0x800U) {
    put(0xc0U | (code_point >> 6U));
    put(0x80U | (code_point & 0x3fU));
  } else if (code_point < 0x10000U) {
    put(0xe0U | (code_point >> 12U));
    put(0x80U | ((code_point >> 6U) & 0x3fU));
    put(0x80U | (code_point & 0x3fU));
  } else {
    put(0xf0U | (code_point >> 18U));
    put(0x80U | ((code_point >> 12U) & 0x3fU));
    put(0x80U | ((code_point >> 6U) & 0x3fU));
    put(0x80U | (code_point & 0x3fU));
  }
}

std::size_t code_points(std::string_view text) noexcept {
  std::size_t count = 0;
  for (const char c : text)
    count += (static_cast<unsigned char>(c) & 0xc0U) != 0x80U ? 1U : 0U;
  return count;
}

} // namespace muster
