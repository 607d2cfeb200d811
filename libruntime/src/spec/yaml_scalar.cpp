#include "spec/yaml_scalar.hpp"

#include "muster/base/base64.hpp"
#include "spec/python_number.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <iterator>

namespace muster::spec::yaml {

namespace {

constexpr std::string_view digits = "0123456789";
constexpr std::string_view core_tag = "tag:yaml.org,2002:";

scalar invalid(std::string why) {
  scalar x;
  x.type = scalar_type::invalid;
  x.text = std::move(why);
  return x;
}

/// Walks over a scalar's text, one rule of a grammar after the other.
class walker {
public:
  explicit walker(std::string_view text) : text_(text) {}

  [[nodiscard]] bool done() const { return at_ == text_.size(); }
  [[nodiscard]] char peek() const { return done() ? '\0' : text_[at_]; }
  [[nodiscard]] std::size_t position() const { return at_; }
  bool one_of(std::string_view set) {
    if (done() || set.find(text_[at_]) == std::string_view::npos)
      return false;
    ++at_;
    return true;
  }
  bool literal(std::string_view word) {
    if (text_.substr(at_, word.size()) != word)
      return false;
    at_ += word.size();
    return true;
  }
  std::size_t some(std::string_view set) {
    std::size_t count = 0;
    while (one_of(set))
      ++count;
    return count;
  }
  /// One or two digits, as a number; -1 when there is none.
  int number(std::size_t least, std::size_t most) {
    int value = 0;
    std::size_t count = 0;
    while (count < most && !done() && text_[at_] >= '0' && text_[at_] <= '9') {
      value = value * 10 + (text_[at_] - '0');
      ++at_;
      ++count;
    }
    return count < least ? -1 : value;
  }
  std::string_view rest() const { return text_.substr(at_); }

private:
  std::string_view text_;
  std::size_t at_ = 0;
};

std::string_view without_sign(std::string_view text) {
  if (!text.empty() && (text[0] == '-' || text[0] == '+'))
    text.remove_prefix(1);
  return text;
}

bool all_of(std::string_view text, std::string_view set) {
  return text.find_first_not_of(set) == std::string_view::npos;
}

// -- which type a plain scalar has

bool looks_null(std::string_view text) {
  return text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL";
}

bool looks_boolean(std::string_view text) {
  constexpr std::array<std::string_view, 6> words = {"yes", "no", "true", "false", "on", "off"};
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) {
    if (text.size() != word.size())
      return false;
    std::string upper{word};
    std::transform(upper.begin(), upper.end(), upper.begin(),
                   [](char c) { return static_cast<char>(std::toupper(static_cast<unsigned char>(c))); });
    std::string title{word};
    title[0] = upper[0];
    return text == word || text == upper || text == title;
  });
}

/// Each part after the first is one digit, or two of which the first is at most 5.
bool good_sexagesimal(std::string_view parts) {
  while (!parts.empty()) {
    const auto colon = parts.find(':');
    const auto part = parts.substr(0, colon);
    if (part.empty() || part.size() > 2 || !all_of(part, digits) || (part.size() == 2 && part[0] > '5'))
      return false;
    if (colon == std::string_view::npos)
      return true;
    parts.remove_prefix(colon + 1);
  }
  return false;
}

bool looks_integer(std::string_view text) {
  const auto body = without_sign(text);
  if (body.empty())
    return false;
  if (body[0] == '0') {
    if (body.size() == 1)
      return true;
    const auto tail = body.substr(2);
    if (body[1] == 'b')
      return !tail.empty() && all_of(tail, "01_");
    if (body[1] == 'x')
      return !tail.empty() && all_of(tail, "0123456789abcdefABCDEF_");
    return all_of(body, "01234567_");
  }
  if (body[0] < '1' || body[0] > '9')
    return false;
  const auto colon = body.find(':');
  return all_of(body.substr(0, colon), "0123456789_") &&
         (colon == std::string_view::npos || good_sexagesimal(body.substr(colon + 1)));
}

bool looks_real(std::string_view text) {
  const auto body = without_sign(text);
  const bool has_sign = body.size() != text.size();
  if (body == ".inf" || body == ".Inf" || body == ".INF")
    return true;
  if (!has_sign && (body == ".nan" || body == ".NaN" || body == ".NAN"))
    return true;
  const auto exponent = [](walker& x) {
    if (x.done())
      return true;
    return x.one_of("eE") && x.one_of("+-") && x.some(digits) > 0 && x.done();
  };
  walker x{body};
  if (x.one_of(".")) // A leading point takes no sign.
    return !has_sign && x.one_of(digits) && (x.some("0123456789_"), exponent(x));
  if (!x.one_of(digits))
    return false;
  x.some("0123456789_");
  if (x.peek() == ':') {
    const auto point = body.find('.');
    return point != std::string_view::npos &&
           good_sexagesimal(body.substr(x.position() + 1, point - x.position() - 1)) &&
           all_of(body.substr(point + 1), "0123456789_");
  }
  return x.one_of(".") && (x.some("0123456789_"), exponent(x));
}

/// `YYYY-MM-DD`, or a date and time whose month and day may have one digit.
bool looks_date(std::string_view text) {
  walker x{text};
  if (x.number(4, 4) < 0 || !x.one_of("-"))
    return false;
  const auto month_start = x.position();
  if (x.number(1, 2) < 0 || !x.one_of("-"))
    return false;
  const bool long_month = x.position() - month_start == 3;
  const auto day_start = x.position();
  if (x.number(1, 2) < 0)
    return false;
  if (x.done())
    return long_month && x.position() - day_start == 2;
  if (!x.one_of("Tt") && x.some(" \t") == 0)
    return false;
  if (x.number(1, 2) < 0 || !x.one_of(":") || x.number(2, 2) < 0 || !x.one_of(":") || x.number(2, 2) < 0)
    return false;
  if (x.one_of("."))
    x.some(digits);
  x.some(" \t");
  if (x.done())
    return text.back() != ' ' && text.back() != '\t';
  if (x.one_of("Z"))
    return x.done();
  if (!x.one_of("+-") || x.number(1, 2) < 0)
    return false;
  return x.done() || (x.one_of(":") && x.number(2, 2) >= 0 && x.done());
}

// -- values

scalar make_boolean(std::string_view text) {
  std::string lower{text};
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); });
  scalar x;
  x.type = scalar_type::boolean;
  x.boolean = lower == "yes" || lower == "true" || lower == "on";
  if (!x.boolean && lower != "no" && lower != "false" && lower != "off")
    return invalid("`" + std::string{text} + "` is no boolean");
  return x;
}

scalar make_integer(std::string_view text) {
  std::string body;
  std::copy_if(text.begin(), text.end(), std::back_inserter(body), [](char c) { return c != '_'; });
  const bool negative = !body.empty() && body[0] == '-';
  const std::string_view number = without_sign(body);
  std::string decimal;
  if (number.substr(0, 2) == "0b")
    decimal = to_decimal(number.substr(2), 2);
  else if (number.substr(0, 2) == "0x")
    decimal = to_decimal(number.substr(2), 16);
  else if (number.size() > 1 && number[0] == '0')
    decimal = to_decimal(number, 8);
  else if (number.find(':') != std::string_view::npos)
    decimal = sexagesimal_to_decimal(number);
  else
    decimal = to_decimal(number, 10);
  if (decimal.empty())
    return invalid("`" + std::string{text.substr(0, 40)} + "` is no integer that can be read");
  scalar x;
  x.type = scalar_type::integer;
  x.text = negative && decimal != "0" ? "-" + decimal : decimal;
  return x;
}

scalar make_real(std::string_view text) {
  std::string body;
  std::copy_if(text.begin(), text.end(), std::back_inserter(body), [](char c) { return c != '_'; });
  std::transform(body.begin(), body.end(), body.begin(),
                 [](char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); });
  const bool negative = !body.empty() && body[0] == '-';
  std::string_view number = without_sign(body);
  scalar x;
  x.type = scalar_type::real;
  if (number == ".inf" || number == ".nan") {
    x.real = *python_float(number.substr(1));
  } else {
    while (true) {
      const auto colon = number.find(':');
      const auto part = python_float(number.substr(0, colon));
      if (!part)
        return invalid("`" + std::string{text.substr(0, 40)} + "` is no number");
      x.real = x.real * 60 + *part;
      if (colon == std::string_view::npos)
        break;
      number.remove_prefix(colon + 1);
    }
  }
  if (negative)
    x.real = -x.real;
  return x;
}

/// As Python's `base64.decodebytes`: other characters are skipped, padding must be right.
scalar make_bytes(std::string_view text) {
  scalar x;
  x.type = scalar_type::bytes;
  unsigned bits = 0;
  int count = 0;
  int pads = 0;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= 0x80)
      return invalid("`!!binary` takes base64, which is ASCII");
    if (c == '=' && count >= 2 && count + ++pads >= 4)
      return x;
    const int value = base64_value(c);
    if (value < 0)
      continue;
    pads = 0;
    bits = (bits << 6U) | static_cast<unsigned>(value);
    if (count > 0)
      x.text += static_cast<char>((bits >> (6U - 2U * static_cast<unsigned>(count))) & 0xffU);
    count = (count + 1) % 4;
  }
  return count == 0 ? x : invalid("`!!binary` is not well padded base64");
}

std::string two_digits(int x) {
  return (x < 10 ? "0" : "") + std::to_string(x);
}

bool real_date(int year, int month, int day) {
  constexpr std::array<int, 12> lengths = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (year < 1 || month < 1 || month > 12 || day < 1)
    return false;
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return day <= lengths[static_cast<std::size_t>(month - 1)] + (leap && month == 2 ? 1 : 0);
}

scalar make_date(std::string_view text) {
  const auto bad = [&] { return invalid("`" + std::string{text} + "` is no date of the calendar"); };
  walker in{text};
  const int year = in.number(4, 4);
  in.one_of("-");
  const int month = in.number(1, 2);
  in.one_of("-");
  const int day = in.number(1, 2);
  if (!real_date(year, month, day))
    return bad();
  scalar x;
  auto years = std::to_string(year);
  x.text = std::string(4 - years.size(), '0') + years + "-" + two_digits(month) + "-" + two_digits(day);
  x.type = scalar_type::date;
  if (in.done())
    return x;
  x.type = scalar_type::date_time;
  in.some("Tt \t");
  const int hour = in.number(1, 2);
  in.one_of(":");
  const int minute = in.number(2, 2);
  in.one_of(":");
  const int second = in.number(2, 2);
  if (hour > 23 || minute > 59 || second > 59)
    return bad();
  x.text += " " + two_digits(hour) + ":" + two_digits(minute) + ":" + two_digits(second);
  if (in.one_of(".")) {
    auto fraction = std::string{in.rest().substr(0, in.rest().find_first_not_of(digits))};
    in.some(digits);
    fraction.resize(6, '0');
    if (fraction != "000000")
      x.text += "." + fraction;
  }
  in.some(" \t");
  if (in.one_of("Z")) {
    x.text += "+00:00";
  } else if (!in.done()) {
    const bool west = in.peek() == '-';
    in.one_of("+-");
    const int hours = in.number(1, 2);
    const int minutes = in.one_of(":") ? in.number(2, 2) : 0;
    const int offset = hours * 60 + minutes;
    if (offset >= 24 * 60)
      return bad();
    x.text += (west && offset != 0 ? "-" : "+") + two_digits(offset / 60) + ":" + two_digits(offset % 60);
  }
  return x;
}

scalar make_text(std::string_view text) {
  scalar x;
  x.type = scalar_type::text;
  x.text = text;
  return x;
}

scalar of_type(scalar_type type) {
  scalar x;
  x.type = type;
  return x;
}

scalar unknown_tag(std::string_view tag) {
  scalar x;
  x.type = scalar_type::unknown;
  x.text = "tag `" + std::string{tag} + "` means nothing here";
  return x;
}

scalar with_tag(std::string_view text, std::string_view tag) {
  if (tag.substr(0, core_tag.size()) != core_tag)
    return unknown_tag(tag);
  const auto name = tag.substr(core_tag.size());
  if (name == "str")
    return make_text(text);
  if (name == "null")
    return of_type(scalar_type::null);
  if (name == "bool")
    return make_boolean(text);
  if (name == "int")
    return make_integer(text);
  if (name == "float")
    return make_real(text);
  if (name == "binary")
    return make_bytes(text);
  if (name == "timestamp")
    return looks_date(text) ? make_date(text) : invalid("`" + std::string{text} + "` is no date");
  return unknown_tag(tag);
}

/// Python's `repr` of bytes.
std::string bytes_repr(std::string_view bytes) {
  constexpr std::string_view hex = "0123456789abcdef";
  const char quote =
      bytes.find('\'') != std::string_view::npos && bytes.find('"') == std::string_view::npos ? '"' : '\'';
  std::string out = std::string{"b"} + quote;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == quote || c == '\\')
      (out += '\\') += c;
    else if (c == '\n')
      out += "\\n";
    else if (c == '\r')
      out += "\\r";
    else if (c == '\t')
      out += "\\t";
    else if (byte >= 0x20 && byte < 0x7f)
      out += c;
    else
      (out += "\\x") += {hex[byte >> 4U], hex[byte & 0xfU]};
  }
  return out + quote;
}

} // namespace

scalar resolve(std::string_view text, bool plain, std::string_view tag) {
  if (!tag.empty())
    return with_tag(text, tag);
  if (!plain)
    return make_text(text);
  if (looks_null(text))
    return of_type(scalar_type::null);
  if (text == "<<")
    return of_type(scalar_type::merge);
  if (text == "=")
    return unknown_tag("tag:yaml.org,2002:value");
  // Most scalars are words: one look at the first character spares them the rest.
  const char first = text[0];
  const bool numeric = first == '+' || first == '-' || first == '.' || (first >= '0' && first <= '9');
  if (!numeric)
    return looks_boolean(text) ? make_boolean(text) : make_text(text);
  if (looks_real(text))
    return make_real(text);
  if (looks_integer(text))
    return make_integer(text);
  if (looks_date(text))
    return make_date(text);
  return make_text(text);
}

std::string python_text(const scalar& x) {
  switch (x.type) {
    case scalar_type::bytes: return bytes_repr(x.text);
    case scalar_type::null: return "None";
    case scalar_type::boolean: return x.boolean ? "True" : "False";
    case scalar_type::real: return python_repr(x.real);
    default: return x.text;
  }
}

std::string_view describe(scalar_type x) noexcept {
  switch (x) {
    case scalar_type::null: return "nothing";
    case scalar_type::boolean: return "a boolean";
    case scalar_type::integer: return "an integer";
    case scalar_type::real: return "a number";
    case scalar_type::text: return "a string";
    case scalar_type::bytes: return "bytes";
    case scalar_type::date: return "a date";
    case scalar_type::date_time: return "a date and time";
    case scalar_type::merge: return "a merge key";
    case scalar_type::unknown:
    case scalar_type::invalid: return "a value of unknown type";
  }
  return "a value";
}

} // namespace muster::spec::yaml
