#include "spec/template/methods.hpp"
#include "spec/template/text.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>

namespace muster::spec::tmpl {
namespace {

// One conversion of a format such as `%-5.2f`.
struct conversion {
  std::optional<std::string> name;
  bool left = false;
  bool plus = false;
  bool space = false;
  bool zero = false;
  bool alternate = false;
  std::int64_t width = 0;
  std::int64_t precision = -1;
  char code = 0;
};

class percent_formatter {
public:
  percent_formatter(runtime& rt, const value& format, const value& args)
      : rt_(rt), s_(format.as_string()), markup_(format.string().markup), args_(args) {}

  value run() {
    while (i_ < s_.size()) {
      rt_.step();
      const std::size_t mark = std::min(s_.find('%', i_), s_.size());
      emit(s_.substr(i_, mark - i_));
      i_ = mark + 1;
      if (mark >= s_.size())
        break;
      const conversion c = read();
      if (c.code == '%')
        emit("%");
      else
        emit(convert(c, c.name ? named(*c.name) : next()));
    }
    if (args_.is(type::tuple) ? next_ < args_.items().size()
                              : next_ == 0 && !args_.is(type::dict) && !args_.is(type::list))
      throw failure{"not all arguments converted during string formatting"};
    return rt_.str(std::move(out_), markup_);
  }

private:
  void emit(std::string_view piece) {
    rt_.take(piece.size());
    out_ += piece;
  }

  char peek() const {
    if (i_ >= s_.size())
      throw failure{"incomplete format"};
    return s_[i_];
  }

  conversion read() {
    conversion c;
    if (peek() == '(')
      c.name = read_name();
    for (;; ++i_) {
      const char flag = peek();
      if (flag == '-')
        c.left = true;
      else if (flag == '+')
        c.plus = true;
      else if (flag == ' ')
        c.space = true;
      else if (flag == '0')
        c.zero = true;
      else if (flag == '#')
        c.alternate = true;
      else
        break;
    }
    c.width = read_number();
    if (c.width < 0) {
      c.left = true;
      c.width = -c.width;
    }
    if (peek() == '.') {
      ++i_;
      c.precision = std::max<std::int64_t>(0, read_number());
    }
    while (peek() == 'l' || peek() == 'h' || peek() == 'L')
      ++i_;
    c.code = s_[i_++];
    return c;
  }

  std::string read_name() {
    std::size_t depth = 1;
    const std::size_t start = ++i_;
    for (; depth > 0; ++i_) {
      if (i_ >= s_.size())
        throw failure{"incomplete format key"};
      depth += s_[i_] == '(' ? 1 : s_[i_] == ')' ? static_cast<std::size_t>(-1) : 0;
    }
    if (!args_.is(type::dict))
      throw failure{"format requires a mapping"};
    return std::string(s_.substr(start, i_ - 1 - start));
  }

  std::int64_t read_number() {
    if (peek() == '*') {
      ++i_;
      const value x = next();
      if (!x.is(type::integer) && !x.is(type::boolean))
        throw failure{"* wants int"};
      static_cast<void>(bounded(rt_, std::max(x.as_integer(), -(x.as_integer() + 1))));
      return x.as_integer();
    }
    std::int64_t n = 0;
    for (; peek() >= '0' && peek() <= '9'; ++i_) {
      n = n * 10 + (s_[i_] - '0');
      static_cast<void>(bounded(rt_, n));
    }
    return n;
  }

  value named(const std::string& name) {
    next_ = 1;
    const value* found = args_.dict().find(value(name));
    if (found == nullptr)
      throw failure{text::quote(name)};
    return *found;
  }

  value next() {
    if (args_.is(type::tuple)) {
      if (next_ >= args_.items().size())
        throw failure{"not enough arguments for format string"};
      return args_.items()[next_++];
    }
    if (next_++ > 0)
      throw failure{"not enough arguments for format string"};
    return args_;
  }

  std::string convert(const conversion& c, const value& x) {
    switch (c.code) {
      case 's':
      case 'r':
      case 'a': return convert_text(c, x);
      case 'c': return convert_character(c, x);
      case 'd':
      case 'i':
      case 'u':
      case 'x':
      case 'X':
      case 'o': return convert_integer(c, x);
      case 'e':
      case 'E':
      case 'f':
      case 'F':
      case 'g':
      case 'G': return convert_real(c, x);
      default:
        throw failure{"unsupported format character '" + std::string(1, c.code) + "' at index " +
                      std::to_string(i_ - 1)};
    }
  }

  std::string convert_text(const conversion& c, const value& x) {
    std::string s = c.code == 's' ? to_str(rt_, x) : to_repr(rt_, x);
    if (markup_ && !(x.is_string() && x.string().markup))
      s = text::escape_html(s);
    if (c.precision >= 0)
      s.resize(text::offset_of(s, static_cast<std::size_t>(c.precision)));
    return pad(rt_, s, c.width, " ", c.left ? alignment::left : alignment::right);
  }

  std::string convert_character(const conversion& c, const value& x) {
    require_defined(x);
    std::string s;
    if (x.is_string() && x.string().length == 1)
      s = x.as_string();
    else if (x.is(type::integer) && x.as_integer() >= 0 && x.as_integer() < 0x110000)
      text::append(s, static_cast<char32_t>(x.as_integer()));
    else
      throw failure{"%c requires int or char"};
    return pad(rt_, s, c.width, " ", c.left ? alignment::left : alignment::right);
  }

  // Sign, prefix and digits, filled up to the width.
  std::string assemble(const conversion& c, bool is_negative, const std::string& prefix, std::string digits) {
    const std::string sign = is_negative ? "-" : c.plus ? "+" : c.space ? " " : "";
    const auto taken = static_cast<std::int64_t>(sign.size() + prefix.size());
    if (c.zero && !c.left)
      digits = pad(rt_, digits, c.width - taken, "0", alignment::right);
    return pad(rt_, sign + prefix + digits, c.width, " ", c.left ? alignment::left : alignment::right);
  }

  std::string convert_integer(const conversion& c, const value& x) {
    require_defined(x);
    const bool decimal = c.code == 'd' || c.code == 'i' || c.code == 'u';
    std::int64_t n = 0;
    if (x.is(type::integer) || x.is(type::boolean)) {
      n = x.as_integer();
    } else if (x.is(type::real) && decimal) {
      if (!std::isfinite(x.as_real()))
        throw failure{std::string("cannot convert float ") + (std::isnan(x.as_real()) ? "NaN" : "infinity") +
                      " to integer"};
      if (std::fabs(x.as_real()) >= 9.2e18)
        throw failure{"the result does not fit into an integer of 64 bits"};
      n = static_cast<std::int64_t>(x.as_real());
    } else {
      throw failure{std::string("%") + c.code + " format: " + (decimal ? "a real number" : "an integer") +
                    " is required, not " + type_name(x)};
    }
    const std::uint64_t size = n < 0 ? 0 - static_cast<std::uint64_t>(n) : static_cast<std::uint64_t>(n);
    char buffer[32];
    const char* form = c.code == 'x' ? "%llx" : c.code == 'X' ? "%llX" : c.code == 'o' ? "%llo" : "%llu";
    std::snprintf(buffer, sizeof buffer, form, static_cast<unsigned long long>(size));
    std::string prefix;
    if (c.alternate && !decimal)
      prefix = std::string("0") + c.code;
    std::string digits = pad(rt_, buffer, c.precision, "0", alignment::right);
    return assemble(c, n < 0, prefix, std::move(digits));
  }

  std::string convert_real(const conversion& c, const value& x) {
    require_defined(x);
    if (!x.is_number())
      throw failure{"must be real number, not " + type_name(x)};
    const double number = x.is(type::real) ? x.as_real() : static_cast<double>(x.as_integer());
    const double size = std::fabs(number);
    std::string digits;
    if (!std::isfinite(number)) {
      digits = std::isnan(number) ? "nan" : "inf";
      if (c.code == 'E' || c.code == 'F' || c.code == 'G')
        digits = text::upper(digits);
      return assemble(c, std::signbit(number) && !std::isnan(number), "", digits);
    }
    const char form[] = {
        '%', c.alternate ? '#' : '.', c.alternate ? '.' : '*', c.alternate ? '*' : c.code, c.alternate ? c.code : '\0',
        '\0'};
    const int precision = static_cast<int>(std::min<std::int64_t>(c.precision < 0 ? 6 : c.precision, 5000));
    digits.resize(static_cast<std::size_t>(precision) + 400);
    rt_.take(digits.size());
    digits.resize(static_cast<std::size_t>(std::snprintf(digits.data(), digits.size(), form, precision, size)));
    return assemble(c, std::signbit(number), "", digits);
  }

  runtime& rt_;
  std::string_view s_;
  bool markup_;
  const value& args_;
  std::size_t i_ = 0;
  std::size_t next_ = 0;
  std::string out_;
};

} // namespace

value percent_format(runtime& rt, const value& format, const value& args) {
  return percent_formatter(rt, format, args).run();
}

} // namespace muster::spec::tmpl
