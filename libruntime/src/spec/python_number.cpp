#include "spec/python_number.hpp"

#include "muster/base/utf8.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <vector>

namespace muster::spec {

namespace {

/// An unsigned integer of any size in limbs of nine decimal digits: only what base conversion needs.
class big_decimal {
public:
  void multiply_add(std::uint32_t factor, std::uint32_t summand) {
    std::uint64_t carry = summand;
    for (auto& limb : limbs_) {
      carry += std::uint64_t{limb} * factor;
      limb = static_cast<std::uint32_t>(carry % base);
      carry /= base;
    }
    if (carry != 0)
      limbs_.push_back(static_cast<std::uint32_t>(carry));
  }
  [[nodiscard]] bool too_long() const noexcept { return limbs_.size() > longest_integer / 9 + 1; }
  [[nodiscard]] std::string text() const {
    if (limbs_.empty())
      return "0";
    auto out = std::to_string(limbs_.back());
    for (auto i = limbs_.size() - 1; i-- > 0;) {
      const auto digits = std::to_string(limbs_[i]);
      out.append(9 - digits.size(), '0').append(digits);
    }
    return out;
  }

private:
  static constexpr std::uint32_t base = 1'000'000'000;
  std::vector<std::uint32_t> limbs_; ///< Lowest first.
};

unsigned digit_value(char c) {
  if (c >= '0' && c <= '9')
    return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f')
    return static_cast<unsigned>(c - 'a') + 10;
  if (c >= 'A' && c <= 'F')
    return static_cast<unsigned>(c - 'A') + 10;
  return 99;
}

std::string without_leading_zeros(std::string_view digits) {
  const auto at = digits.find_first_not_of('0');
  return at == std::string_view::npos ? std::string{"0"} : std::string{digits.substr(at)};
}

// Unicode 14 (Python 3.11): the zero of every run of ten decimal digits.
constexpr std::array<char32_t, 65> digit_zeros = {
    0x660,   0x6f0,   0x7c0,   0x966,   0x9e6,   0xa66,   0xae6,   0xb66,   0xbe6,   0xc66,   0xce6,
    0xd66,   0xde6,   0xe50,   0xed0,   0xf20,   0x1040,  0x1090,  0x17e0,  0x1810,  0x1946,  0x19d0,
    0x1a80,  0x1a90,  0x1b50,  0x1bb0,  0x1c40,  0x1c50,  0xa620,  0xa8d0,  0xa900,  0xa9d0,  0xa9f0,
    0xaa50,  0xabf0,  0xff10,  0x104a0, 0x10d30, 0x11066, 0x110f0, 0x11136, 0x111d0, 0x112f0, 0x11450,
    0x114d0, 0x11650, 0x116c0, 0x11730, 0x118e0, 0x11950, 0x11c50, 0x11d50, 0x11da0, 0x16a60, 0x16ac0,
    0x16b50, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6, 0x1e140, 0x1e2f0, 0x1e950, 0x1fbf0};

/// The digit that `c` is in its script, or -1.
int script_digit(char32_t c) {
  const auto* const after = std::upper_bound(digit_zeros.begin(), digit_zeros.end(), c);
  if (after == digit_zeros.begin())
    return -1;
  const auto offset = c - *(after - 1);
  return offset < 10 ? static_cast<int>(offset) : -1;
}

bool is_space(char32_t c) {
  return (c >= 0x9 && c <= 0xd) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

/// The code point at `at` of well-formed UTF-8; moves `at` behind it.
char32_t next_code_point(std::string_view text, std::size_t& at) {
  const auto lead = static_cast<unsigned char>(text[at++]);
  if (lead < 0x80)
    return lead;
  const auto more = lead >= 0xf0 ? 3U : lead >= 0xe0 ? 2U : 1U;
  char32_t c = lead & (0x3fU >> more);
  for (unsigned i = 0; i < more && at < text.size(); ++i)
    c = (c << 6U) | (static_cast<unsigned char>(text[at++]) & 0x3fU);
  return c;
}

/// True when `text` is digits with single underscores between them; they are dropped from it.
bool drop_underscores(std::string& text) {
  std::string out;
  char before = '_';
  for (const char c : text) {
    if (c == '_' && before == '_')
      return false;
    if (c != '_')
      out += c;
    before = c;
  }
  if (before == '_')
    return false;
  text = std::move(out);
  return true;
}

} // namespace

std::string to_decimal(std::string_view digits, unsigned base) {
  if (digits.empty())
    return {};
  if (base == 10) {
    if (digits.find_first_not_of("0123456789") != std::string_view::npos || digits.size() > longest_integer)
      return {};
    return without_leading_zeros(digits);
  }
  big_decimal sum;
  for (const char c : digits) {
    const auto digit = digit_value(c);
    if (digit >= base || sum.too_long())
      return {};
    sum.multiply_add(base, digit);
  }
  auto out = sum.text();
  return out.size() > longest_integer ? std::string{} : out;
}

std::string sexagesimal_to_decimal(std::string_view parts) {
  big_decimal sum;
  while (true) {
    const auto colon = parts.find(':');
    const auto part = parts.substr(0, colon);
    // Only the first part may be longer than two digits: the caller's grammar says so, and 32 bits hold any of the
    // others.
    if (part.empty() || part.size() > longest_integer || sum.too_long())
      return {};
    if (part.size() <= 9) {
      const auto digits = to_decimal(part, 10);
      if (digits.empty())
        return {};
      sum.multiply_add(60, static_cast<std::uint32_t>(std::stoul(digits)));
    } else {
      for (const char c : part) {
        if (digit_value(c) > 9)
          return {};
        sum.multiply_add(10, digit_value(c));
      }
    }
    if (colon == std::string_view::npos)
      break;
    parts.remove_prefix(colon + 1);
  }
  auto out = sum.text();
  return out.size() > longest_integer ? std::string{} : out;
}

std::string fold_digits(std::string_view text) {
  std::string out;
  std::size_t at = 0;
  while (at < text.size()) {
    const auto start = at;
    const auto c = next_code_point(text, at);
    const int digit = c < 0x80 ? -1 : script_digit(c);
    if (digit >= 0)
      out += static_cast<char>('0' + digit);
    else
      out.append(text.substr(start, at - start));
  }
  return out;
}

std::optional<std::string> to_ascii_digits(std::string_view text) {
  std::string out;
  std::string pending; // White space that is only dropped when nothing else follows.
  std::size_t at = 0;
  while (at < text.size()) {
    const auto c = next_code_point(text, at);
    if (is_space(c)) {
      if (!out.empty())
        pending += ' ';
      continue;
    }
    const int digit = c < 0x80 ? -1 : script_digit(c);
    if (c >= 0x80 && digit < 0)
      return std::nullopt;
    out += pending;
    pending.clear();
    out += digit >= 0 ? static_cast<char>('0' + digit) : static_cast<char>(c);
  }
  return out;
}

std::optional<std::string> python_int(std::string_view text) {
  auto digits = to_ascii_digits(text);
  if (!digits || digits->empty())
    return std::nullopt;
  const bool negative = digits->front() == '-';
  if (negative || digits->front() == '+')
    digits->erase(0, 1);
  if (!drop_underscores(*digits))
    return std::nullopt;
  auto out = to_decimal(*digits, 10);
  if (out.empty())
    return std::nullopt;
  return negative && out != "0" ? "-" + out : out;
}

std::optional<double> python_float(std::string_view text) {
  auto folded = to_ascii_digits(text);
  if (!folded || folded->empty())
    return std::nullopt;
  auto body = std::move(*folded);
  const bool negative = body.front() == '-';
  if (negative || body.front() == '+')
    body.erase(0, 1);
  std::transform(body.begin(), body.end(), body.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  const auto sign = negative ? -1.0 : 1.0;
  if (body == "inf" || body == "infinity")
    return sign * std::numeric_limits<double>::infinity();
  if (body == "nan")
    return std::numeric_limits<double>::quiet_NaN();
  // Underscores may only stand between digits.
  std::string plain;
  for (std::size_t i = 0; i < body.size(); ++i) {
    const auto digit_at = [&](std::size_t k) { return k < body.size() && body[k] >= '0' && body[k] <= '9'; };
    if (body[i] != '_')
      plain += body[i];
    else if (i == 0 || !digit_at(i - 1) || !digit_at(i + 1))
      return std::nullopt;
  }
  if (plain.find_first_not_of("0123456789.e+-") != std::string::npos)
    return std::nullopt;
  if (plain.empty() || (plain[0] != '.' && (plain[0] < '0' || plain[0] > '9')))
    return std::nullopt;
  double value = 0;
  const auto [end, code] = std::from_chars(plain.data(), plain.data() + plain.size(), value);
  if (end != plain.data() + plain.size() || code == std::errc::invalid_argument)
    return std::nullopt;
  if (code == std::errc::result_out_of_range)
    value = std::strtod(plain.c_str(), nullptr);
  return sign * value;
}

std::string python_repr(double x) {
  if (std::isnan(x))
    return "nan";
  if (std::isinf(x))
    return x > 0 ? "inf" : "-inf";
  std::array<char, 64> buffer{};
  const auto [end, code] =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), std::abs(x), std::chars_format::scientific);
  static_cast<void>(code); // 64 bytes hold every double.
  const std::string_view text{buffer.data(), static_cast<std::size_t>(end - buffer.data())};
  const auto e = text.find('e');
  std::string digits{text.substr(0, 1)};
  if (e > 2)
    digits += text.substr(2, e - 2);
  const int exponent = std::atoi(std::string{text.substr(e + 1)}.c_str());
  std::string out = std::signbit(x) ? "-" : "";
  if (exponent < -4 || exponent >= 16) {
    out += digits.substr(0, 1);
    if (digits.size() > 1)
      out += "." + digits.substr(1);
    const auto size = std::to_string(std::abs(exponent));
    return out + (exponent < 0 ? "e-" : "e+") + (size.size() < 2 ? "0" : "") + size;
  }
  if (exponent < 0)
    return out + "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
  const auto whole = static_cast<std::size_t>(exponent) + 1;
  if (digits.size() <= whole)
    return out + digits + std::string(whole - digits.size(), '0') + ".0";
  return out + digits.substr(0, whole) + "." + digits.substr(whole);
}

std::int64_t saturate(std::string_view decimal) noexcept {
  std::int64_t value = 0;
  const auto [end, code] = std::from_chars(decimal.data(), decimal.data() + decimal.size(), value);
  static_cast<void>(end);
  if (code == std::errc::result_out_of_range)
    return decimal.front() == '-' ? std::numeric_limits<std::int64_t>::min() : std::numeric_limits<std::int64_t>::max();
  return value;
}

} // namespace muster::spec
