#include "muster/base/ipv4.hpp"

#include <charconv>

namespace muster {

namespace {

/// Takes a decimal number of at most `digits` digits off the front.
std::optional<std::uint32_t> take_number(std::string_view& text, std::size_t digits, std::uint32_t most) {
  std::uint32_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  const auto length = static_cast<std::size_t>(end - text.data());
  if (problem != std::errc{} || length > digits || value > most)
    return std::nullopt;
  text.remove_prefix(length);
  return value;
}

} // namespace

std::string ipv4_to_text(ipv4_address x) {
  return std::to_string(x >> 24U) + '.' + std::to_string((x >> 16U) & 255U) + '.' + std::to_string((x >> 8U) & 255U) +
         '.' + std::to_string(x & 255U);
}

std::optional<ipv4_address> parse_ipv4(std::string_view text) {
  ipv4_address x = 0;
  for (int part = 0; part < 4; ++part) {
    const auto value = take_number(text, 3, 255);
    if (!value)
      return std::nullopt;
    if (part < 3) {
      if (text.empty() || text.front() != '.')
        return std::nullopt;
      text.remove_prefix(1);
    }
    x = (x << 8U) | *value;
  }
  return text.empty() ? std::optional{x} : std::nullopt;
}

ipv4_block block_around(ipv4_address x, std::uint8_t prefix) noexcept {
  const auto mask = prefix == 0 ? 0U : ~0U << (32U - prefix);
  return {x & mask, prefix};
}

std::string to_text(const ipv4_block& x) {
  return ipv4_to_text(x.base) + '/' + std::to_string(x.prefix);
}

result<ipv4_block> parse_ipv4_block(std::string_view text) {
  const error wrong{ec::invalid_argument,
                    "'" + std::string{text} + "' is no range of IPv4 addresses such as 10.213.0.0/16"};
  const auto slash = text.find('/');
  if (slash == std::string_view::npos)
    return wrong;
  const auto base = parse_ipv4(text.substr(0, slash));
  auto rest = text.substr(slash + 1);
  const auto prefix = take_number(rest, 2, 32);
  if (!base || !prefix || !rest.empty())
    return wrong;
  const auto whole = block_around(*base, static_cast<std::uint8_t>(*prefix));
  if (whole.base != *base)
    return {ec::invalid_argument, "'" + std::string{text} +
                                      "' does not begin where such a range can; the range around it is " +
                                      to_text(whole)};
  return whole;
}

} // namespace muster
