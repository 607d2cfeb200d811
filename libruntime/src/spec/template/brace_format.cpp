#include "spec/template/methods.hpp"
#include "spec/template/numbers.hpp"
#include "spec/template/text.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace muster::spec::tmpl {
namespace {

// Python's format specification: [[fill]align][sign][#][0][width][grouping][.precision][type].
struct format_spec {
  std::string fill = " ";
  char align = 0;
  char sign = '-';
  bool alternate = false;
  std::int64_t width = 0;
  char grouping = 0;
  std::int64_t precision = -1;
  char code = 0;
};

bool is_align(char c) {
  return c == '<' || c == '>' || c == '=' || c == '^';
}

std::int64_t read_digits(runtime& rt, std::string_view s, std::size_t& i) {
  std::int64_t n = 0;
  for (; i < s.size() && s[i] >= '0' && s[i] <= '9'; ++i) {
    n = n * 10 + (s[i] - '0');
    static_cast<void>(bounded(rt, n));
  }
  return n;
}

format_spec parse_spec(runtime& rt, std::string_view s) {
  format_spec out;
  std::size_t i = 0;
  bool filled = false;
  if (!s.empty()) {
    const std::size_t first = text::decode(s, 0).size;
    if (s.size() > first && is_align(s[first])) {
      out.fill = std::string(s.substr(0, first));
      out.align = s[first];
      filled = true;
      i = first + 1;
    } else if (is_align(s[0])) {
      out.align = s[0];
      i = 1;
    }
  }
  const auto at = [&](char c) { return i < s.size() && s[i] == c; };
  if (at('+') || at('-') || at(' '))
    out.sign = s[i++];
  if (at('#')) {
    out.alternate = true;
    ++i;
  }
  if (at('0')) {
    ++i;
    if (!filled)
      out.fill = "0";
    if (out.align == 0)
      out.align = '=';
  }
  out.width = read_digits(rt, s, i);
  if (at(',') || at('_'))
    out.grouping = s[i++];
  if (at('.')) {
    ++i;
    if (i >= s.size() || s[i] < '0' || s[i] > '9')
      throw failure{"Format specifier missing precision"};
    out.precision = read_digits(rt, s, i);
  }
  if (i < s.size())
    out.code = s[i++];
  if (i < s.size())
    throw failure{"Invalid format specifier"};
  return out;
}

std::string group_digits(const std::string& digits, char separator, std::size_t size) {
  std::string out;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % size == 0)
      out += separator;
    out += digits[i];
  }
  return out;
}

// `head` is sign and prefix, `tail` what follows the digits that may be grouped.
std::string finish(runtime& rt, const format_spec& spec, const std::string& head, std::string digits,
                   const std::string& tail, std::size_t group) {
  const char align = spec.align == 0 ? '>' : spec.align;
  const auto taken = static_cast<std::int64_t>(head.size() + tail.size());
  if (spec.grouping != 0 && align == '=' && spec.fill == "0") {
    // Zeros are grouped as well.
    while (static_cast<std::int64_t>(digits.size() + (digits.size() - 1) / group) + taken < spec.width) {
      rt.take(1);
      digits.insert(0, 1, '0');
    }
  }
  if (spec.grouping != 0)
    digits = group_digits(digits, spec.grouping, group);
  if (align == '=')
    return head +
           pad(rt, digits + tail, spec.width - static_cast<std::int64_t>(head.size()), spec.fill, alignment::right);
  const std::string all = head + digits + tail;
  if (align == '^') {
    const std::int64_t missing = std::max<std::int64_t>(0, spec.width - static_cast<std::int64_t>(text::length(all)));
    const auto left = static_cast<std::int64_t>(text::length(all)) + missing / 2;
    return pad(rt, pad(rt, all, left, spec.fill, alignment::right), spec.width, spec.fill, alignment::left);
  }
  return pad(rt, all, spec.width, spec.fill, align == '<' ? alignment::left : alignment::right);
}

[[noreturn]] void unknown_code(char code, const value& x) {
  throw failure{"Unknown format code '" + std::string(1, code) + "' for object of type '" + type_name(x) + "'"};
}

std::string format_string(runtime& rt, const value& x, format_spec spec) {
  if (spec.code != 0 && spec.code != 's')
    unknown_code(spec.code, x);
  if (spec.sign != '-')
    throw failure{"Sign not allowed in string format specifier"};
  if (spec.align == '=' && spec.fill != "0")
    throw failure{"'=' alignment not allowed in string format specifier"};
  if (spec.align == '=' || spec.align == 0)
    spec.align = '<';
  std::string s = x.as_string();
  if (spec.precision >= 0)
    s.resize(text::offset_of(s, static_cast<std::size_t>(spec.precision)));
  spec.grouping = 0;
  return finish(rt, spec, "", std::move(s), "", 3);
}

std::string format_integer(runtime& rt, const value& x, const format_spec& spec) {
  const std::int64_t n = x.as_integer();
  if (spec.precision >= 0)
    throw failure{"Precision not allowed in integer format specifier"};
  if (spec.code == 'c') {
    std::string s;
    if (n < 0 || n > 0x10FFFF)
      throw failure{"%c arg not in range(0x110000)"};
    text::append(s, static_cast<char32_t>(n));
    return finish(rt, spec, "", s, "", 3);
  }
  std::uint64_t rest = n < 0 ? 0 - static_cast<std::uint64_t>(n) : static_cast<std::uint64_t>(n);
  const unsigned base = spec.code == 'b' ? 2 : spec.code == 'o' ? 8 : spec.code == 'x' || spec.code == 'X' ? 16 : 10;
  const char* alphabet = spec.code == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
  std::string digits;
  do {
    digits.insert(digits.begin(), alphabet[rest % base]);
    rest /= base;
  } while (rest > 0);
  std::string head = n < 0 ? "-" : spec.sign == '-' ? "" : std::string(1, spec.sign);
  if (spec.alternate && base != 10)
    head += std::string("0") + spec.code;
  return finish(rt, spec, head, digits, "", base == 10 ? 3 : 4);
}

std::string real_digits(runtime& rt, double size, const format_spec& spec) {
  if (std::isnan(size) || std::isinf(size))
    return std::isnan(size) ? "nan" : "inf";
  const bool percent = spec.code == '%';
  if (spec.code == 0 && spec.precision < 0)
    return numbers::repr(size);
  const char code = percent ? 'f' : spec.code == 0 || spec.code == 'n' ? 'g' : spec.code;
  const int precision = static_cast<int>(std::min<std::int64_t>(spec.precision < 0 ? 6 : spec.precision, 5000));
  const char form[] = {'%', '.', '*', code, '\0'};
  std::string out(static_cast<std::size_t>(precision) + 400, '\0');
  rt.take(out.size());
  out.resize(
      static_cast<std::size_t>(std::snprintf(out.data(), out.size(), form, precision, percent ? size * 100 : size)));
  if (spec.code == 0 && out.find_first_of(".e") == std::string::npos)
    out += ".0";
  return out;
}

std::string format_real(runtime& rt, const value& x, const format_spec& spec) {
  if (spec.code != 0 && std::string_view("eEfFgGn%").find(spec.code) == std::string_view::npos)
    unknown_code(spec.code, x);
  const double number = x.is(type::real) ? x.as_real() : static_cast<double>(x.as_integer());
  std::string digits = real_digits(rt, std::fabs(number), spec);
  if (spec.code == 'E' || spec.code == 'F' || spec.code == 'G')
    digits = text::upper(digits);
  const bool is_negative = std::signbit(number) && !std::isnan(number);
  const std::string head = is_negative ? "-" : spec.sign == '-' ? "" : std::string(1, spec.sign);
  const std::size_t end = std::min(digits.find_first_not_of("0123456789"), digits.size());
  std::string tail = digits.substr(end) + (spec.code == '%' ? "%" : "");
  if (end == 0) // inf, nan
    return finish(rt, format_spec{spec.fill, spec.align, spec.sign, false, spec.width, 0, -1, 0}, head,
                  digits + (spec.code == '%' ? "%" : ""), "", 3);
  return finish(rt, spec, head, digits.substr(0, end), tail, 3);
}

class brace_formatter {
public:
  brace_formatter(runtime& rt, const arguments& args, bool markup) : rt_(rt), args_(args), markup_(markup) {}

  std::string run(std::string_view s, int depth) {
    if (depth < 0)
      throw failure{"Max string recursion exceeded"};
    std::string out;
    for (std::size_t i = 0; i < s.size();) {
      rt_.step();
      const std::size_t mark = std::min(s.find_first_of("{}", i), s.size());
      rt_.take(mark - i);
      out += s.substr(i, mark - i);
      i = mark;
      if (i >= s.size())
        break;
      if (i + 1 < s.size() && s[i + 1] == s[i]) {
        out += s[i];
        i += 2;
        continue;
      }
      if (s[i] == '}')
        throw failure{"Single '}' encountered in format string"};
      const std::size_t end = closing(s, i + 1);
      const std::string piece = field(s.substr(i + 1, end - i - 1), depth);
      rt_.take(piece.size());
      out += piece;
      i = end + 1;
    }
    return out;
  }

private:
  static std::size_t closing(std::string_view s, std::size_t i) {
    std::size_t depth = 1;
    for (; i < s.size(); ++i) {
      if (s[i] == '{')
        ++depth;
      else if (s[i] == '}' && --depth == 0)
        return i;
    }
    throw failure{"expected '}' before end of string"};
  }

  std::string field(std::string_view s, int depth) {
    // The name ends at the first `!` or `:` outside of brackets.
    std::size_t end = 0;
    for (bool brackets = false; end < s.size() && (brackets || (s[end] != '!' && s[end] != ':')); ++end)
      brackets = s[end] == '[' || (brackets && s[end] != ']');
    value x = look_up(s.substr(0, end));
    std::string_view rest = s.substr(end);
    char conversion = 0;
    if (!rest.empty() && rest[0] == '!') {
      if (rest.size() < 2 || (rest.size() > 2 && rest[2] != ':'))
        throw failure{"expected ':' after conversion specifier"};
      conversion = rest[1];
      rest.remove_prefix(2);
    }
    const std::string spec = rest.empty() ? std::string() : run(rest.substr(1), depth - 1);
    if (conversion == 'r' || conversion == 'a')
      x = rt_.str(to_repr(rt_, x));
    else if (conversion == 's')
      x = rt_.str(to_str(rt_, x));
    else if (conversion != 0)
      throw failure{"Unknown conversion specifier " + std::string(1, conversion)};
    require_defined(x);
    std::string out = format_value(rt_, x, spec);
    return markup_ && !(x.is_string() && x.string().markup) ? text::escape_html(out) : out;
  }

  value look_up(std::string_view name) {
    const std::size_t end = std::min(name.find_first_of(".["), name.size());
    value x = first(std::string(name.substr(0, end)));
    for (std::size_t i = end; i < name.size();) {
      if (name[i] == '.') {
        const std::size_t stop = std::min(name.find_first_of(".[", i + 1), name.size());
        if (stop == i + 1)
          throw failure{"Empty attribute in format string"};
        x = get_attribute(rt_, x, std::string(name.substr(i + 1, stop - i - 1)));
        i = stop;
      } else if (name[i] == '[') {
        const std::size_t stop = name.find(']', i + 1);
        if (stop == std::string_view::npos)
          throw failure{"Missing ']' in format string"};
        const std::string key(name.substr(i + 1, stop - i - 1));
        if (key.empty())
          throw failure{"Empty attribute in format string"};
        std::int64_t index = 0;
        const bool number = key.find_first_not_of("0123456789") == std::string::npos &&
                            numbers::parse_integer(key, 10, index) == numbers::reading::good;
        x = get_item(rt_, x, number ? value(index) : value(key));
        i = stop + 1;
      } else {
        throw failure{"Only '.' or '[' may follow ']' in format field specifier"};
      }
    }
    return x;
  }

  value first(const std::string& name) {
    std::int64_t index = 0;
    if (name.empty()) {
      if (next_ < 0)
        throw failure{"cannot switch from manual field specification to automatic field numbering"};
      index = next_++;
    } else if (name.find_first_not_of("0123456789") == std::string::npos) {
      if (next_ > 0)
        throw failure{"cannot switch from automatic field numbering to manual field specification"};
      next_ = -1;
      if (numbers::parse_integer(name, 10, index) != numbers::reading::good)
        throw failure{"Too many decimal digits in format string"};
    } else {
      const auto found =
          std::find_if(args_.keyword.begin(), args_.keyword.end(), [&](const auto& x) { return x.first == name; });
      if (found == args_.keyword.end())
        throw failure{text::quote(name)};
      return found->second;
    }
    if (static_cast<std::uint64_t>(index) >= args_.positional.size())
      throw failure{"Replacement index " + std::to_string(index) + " out of range for positional args tuple"};
    return args_.positional[static_cast<std::size_t>(index)];
  }

  runtime& rt_;
  const arguments& args_;
  bool markup_;
  std::int64_t next_ = 0;
};

} // namespace

std::string format_value(runtime& rt, const value& x, std::string_view spec) {
  if (spec.empty())
    return to_str(rt, x);
  if (!x.is_string() && !x.is_number())
    throw failure{"unsupported format string passed to " + type_name(x) + ".__format__"};
  const format_spec parsed = parse_spec(rt, spec);
  if (x.is_string())
    return format_string(rt, x, parsed);
  const bool real_code = parsed.code != 0 && std::string_view("eEfFgG%").find(parsed.code) != std::string_view::npos;
  if (x.is(type::real) || real_code)
    return format_real(rt, x, parsed);
  if (parsed.code != 0 && std::string_view("bcdoxXn").find(parsed.code) == std::string_view::npos)
    unknown_code(parsed.code, x);
  return format_integer(rt, x, parsed);
}

value brace_format(runtime& rt, const value& format, const arguments& args) {
  const bool markup = format.string().markup;
  return rt.str(brace_formatter(rt, args, markup).run(format.as_string(), 2), markup);
}

} // namespace muster::spec::tmpl
