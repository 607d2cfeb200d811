#include "spec/template/numbers.hpp"

#include "spec/template/text.hpp"

#include <charconv>
#include <cmath>
#include <cstdlib>

namespace muster::spec::tmpl::numbers {
namespace {

int digit_value(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'z')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'Z')
    return c - 'A' + 10;
  return 99;
}

// Underscores may stand between digits only; false if one stands elsewhere.
bool drop_underscores(std::string_view text, std::string& out) {
  const auto alnum = [&](std::size_t i) { return i < text.size() && digit_value(text[i]) < 36; };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_')
      out += text[i];
    else if (i == 0 || !alnum(i - 1) || !alnum(i + 1))
      return false;
  }
  return true;
}

int prefix_base(std::string_view digits) {
  if (digits.size() < 2 || digits[0] != '0')
    return 0;
  switch (digits[1]) {
    case 'x':
    case 'X': return 16;
    case 'o':
    case 'O': return 8;
    case 'b':
    case 'B': return 2;
    default: return 0;
  }
}

// Decimal digits of other scripts become ASCII, as Python's int() and float() read them.
std::string ascii_digits(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const auto c = text::decode(text, i);
    constexpr char32_t zeros[] = {0x660, 0x6F0, 0x966, 0xFF10};
    bool replaced = false;
    for (const char32_t zero : zeros) {
      if (c.size > 1 && c.code >= zero && c.code < zero + 10) {
        out += static_cast<char>('0' + (c.code - zero));
        replaced = true;
      }
    }
    if (!replaced)
      out += text.substr(i, c.size);
    i += c.size;
  }
  return out;
}

} // namespace

std::string repr(double x) {
  if (std::isnan(x))
    return "nan";
  if (std::isinf(x))
    return x < 0 ? "-inf" : "inf";
  char buffer[40];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, x, std::chars_format::scientific).ptr;
  const std::string_view all(buffer, static_cast<std::size_t>(end - buffer));
  const std::size_t mark = all.find('e');
  std::string digits(all.substr(0, mark));
  const int exponent = std::atoi(std::string(all.substr(mark + 1)).c_str());
  std::string sign;
  if (digits[0] == '-') {
    sign = "-";
    digits.erase(0, 1);
  }
  if (digits.size() > 1)
    digits.erase(1, 1);
  const int count = static_cast<int>(digits.size());
  if (exponent < -4 || exponent >= 16) {
    std::string out = sign + digits[0];
    if (count > 1)
      out += '.' + digits.substr(1);
    out += exponent < 0 ? "e-" : "e+";
    const int size = std::abs(exponent);
    return out + (size < 10 ? "0" : "") + std::to_string(size);
  }
  if (exponent < 0)
    return sign + "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
  if (const auto zeros = exponent + 1 - count; zeros >= 0)
    return sign + digits + std::string(static_cast<std::size_t>(zeros), '0') + ".0";
  const auto point = static_cast<std::size_t>(exponent) + 1;
  return sign + digits.substr(0, point) + "." + digits.substr(point);
}

reading parse_integer(std::string_view text, int base, std::int64_t& out) {
  std::string cleaned = ascii_digits(text::strip(text, true, true));
  std::string_view rest = cleaned;
  bool negative = false;
  if (!rest.empty() && (rest[0] == '+' || rest[0] == '-')) {
    negative = rest[0] == '-';
    rest.remove_prefix(1);
  }
  const int prefixed = prefix_base(rest);
  const bool zero_base = base == 0;
  if (prefixed != 0 && (zero_base || base == prefixed)) {
    rest.remove_prefix(2);
    if (!rest.empty() && rest[0] == '_')
      rest.remove_prefix(1);
    base = prefixed;
  }
  if (base == 0)
    base = 10;
  std::string digits;
  if (!drop_underscores(rest, digits) || digits.empty())
    return reading::malformed;
  for (const char c : digits) {
    if (digit_value(c) >= base)
      return reading::malformed;
  }
  if (zero_base && prefixed == 0 && digits.size() > 1 && digits[0] == '0' &&
      digits.find_first_not_of('0') != std::string::npos)
    return reading::malformed;
  std::int64_t value = 0;
  for (const char c : digits) {
    if (__builtin_mul_overflow(value, std::int64_t{base}, &value) ||
        __builtin_sub_overflow(value, std::int64_t{digit_value(c)}, &value))
      return reading::too_big;
  }
  if (!negative && __builtin_sub_overflow(std::int64_t{0}, value, &value))
    return reading::too_big;
  out = value;
  return reading::good;
}

std::optional<double> parse_real(std::string_view text) {
  std::string cleaned;
  const std::string ascii = ascii_digits(text::strip(text, true, true));
  if (!drop_underscores(ascii, cleaned) || cleaned.empty())
    return std::nullopt;
  std::string_view rest = cleaned;
  bool negative = false;
  if (rest[0] == '+' || rest[0] == '-') {
    negative = rest[0] == '-';
    rest.remove_prefix(1);
  }
  const std::string word = text::lower(rest);
  double value = 0;
  if (word == "inf" || word == "infinity") {
    value = HUGE_VAL;
  } else if (word == "nan") {
    value = std::nan("");
  } else {
    if (rest.empty() || !(digit_value(rest[0]) < 10 || rest[0] == '.'))
      return std::nullopt;
    const auto [end, problem] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
    if (end != rest.data() + rest.size() || problem == std::errc::invalid_argument)
      return std::nullopt;
    if (problem == std::errc::result_out_of_range)
      value = std::strtod(std::string(rest).c_str(), nullptr);
  }
  return negative ? -value : value;
}

std::optional<std::int64_t> whole(double x) {
  if (!(x >= -9223372036854775808.0 && x < 9223372036854775808.0) || x != std::floor(x))
    return std::nullopt;
  return static_cast<std::int64_t>(x);
}

int compare(std::int64_t a, double b) {
  if (b >= 9223372036854775808.0)
    return -1;
  if (b < -9223372036854775808.0)
    return 1;
  const double floor = std::floor(b);
  const auto whole_part = static_cast<std::int64_t>(floor);
  if (a != whole_part)
    return a < whole_part ? -1 : 1;
  return b > floor ? -1 : 0;
}

} // namespace muster::spec::tmpl::numbers
