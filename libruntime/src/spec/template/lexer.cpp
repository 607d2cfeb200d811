#include "spec/template/lexer.hpp"

#include "spec/template/numbers.hpp"
#include "spec/template/text.hpp"

#include <algorithm>
#include <array>

namespace muster::spec::tmpl {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Newlines as `\n`, without one at the end.
std::string normalize_newlines(std::string_view s, bool drop_last) {
  std::string out;
  out.reserve(s.size());
  for (std::size_t i = 0; i < s.size(); ++i) {
    if (s[i] == '\r') {
      out += '\n';
      if (i + 1 < s.size() && s[i + 1] == '\n')
        ++i;
    } else {
      out += s[i];
    }
  }
  if (drop_last && !out.empty() && out.back() == '\n')
    out.pop_back();
  return out;
}

// What a match of a delimiter is: its end, and whether it strips the white space before it.
struct match {
  std::size_t end = std::string::npos;
  bool strip = false;
  explicit operator bool() const { return end != std::string::npos; }
};

class lexer {
public:
  lexer(runtime& rt, std::string_view source) : rt_(rt), s_(normalize_newlines(source, true)) {}

  std::vector<token> run(bool expression) {
    try {
      while (i_ < s_.size()) {
        rt_.step();
        expression ? expression_token() : root();
      }
      push(token_kind::end, {});
    } catch (const failure& problem) {
      if (problem.code == ec::limit_exceeded)
        throw;
      push(token_kind::bad, problem.message);
    }
    return std::move(out_);
  }

private:
  std::string_view rest(std::size_t from) const { return std::string_view(s_).substr(from); }
  bool starts(std::size_t from, std::string_view what) const { return rest(from).substr(0, what.size()) == what; }

  std::size_t skip_space(std::size_t from) const {
    while (from < s_.size()) {
      const auto c = text::decode(s_, from);
      if (!text::is_space(c.code) || (c.size == 1 && c.code >= 0x80))
        break;
      from += c.size;
    }
    return from;
  }

  // Tokens come in the order of the text, so the place is counted on from the last one.
  position place(std::size_t offset) {
    while (counted_ < offset) {
      const auto c = text::decode(s_, counted_);
      if (c.code == '\n') {
        ++at_.line;
        at_.column = 1;
      } else {
        ++at_.column;
      }
      counted_ += c.size;
    }
    return at_;
  }

  void push(token_kind kind, std::string text_, std::size_t offset, value number = {}) {
    rt_.take(sizeof(token) + text_.size());
    out_.push_back(token{kind, place(offset), std::move(text_), std::move(number)});
  }
  void push(token_kind kind, std::string text_) { push(kind, std::move(text_), i_); }

  void push_data(std::size_t begin, std::size_t end, bool strip) {
    std::string_view data = rest(begin).substr(0, end - begin);
    if (strip)
      data = text::strip(data, false, true);
    if (!data.empty())
      push(token_kind::data, std::string(data), begin);
  }

  // `{%` sign `raw` `%}`, or the same with `endraw`, at `from`.
  match raw_tag(std::size_t from, std::string_view word) const {
    match out;
    if (!starts(from, "{%"))
      return out;
    std::size_t i = from + 2;
    if (i < s_.size() && (s_[i] == '-' || s_[i] == '+'))
      out.strip = s_[i++] == '-';
    i = skip_space(i);
    if (!starts(i, word))
      return out;
    const match end = closing(skip_space(i + word.size()), "%}", word == "endraw");
    out.end = end.end;
    return out;
  }

  // The end of a tag at `from`: `%}`, `-%}` and the white space after it, or `+%}` where that is allowed.
  match closing(std::size_t from, std::string_view delimiter, bool plus) const {
    match out;
    if (starts(from, delimiter))
      out.end = from + delimiter.size();
    else if (from < s_.size() && s_[from] == '-' && starts(from + 1, delimiter))
      out.end = skip_space(from + 1 + delimiter.size());
    else if (plus && from < s_.size() && s_[from] == '+' && starts(from + 1, delimiter))
      out.end = from + 1 + delimiter.size();
    return out;
  }

  void root() {
    const std::size_t begin = i_;
    std::size_t mark = i_;
    for (;; ++mark) {
      mark = s_.find('{', mark);
      if (mark == std::string::npos || mark + 1 >= s_.size()) {
        push_data(begin, s_.size(), false);
        i_ = s_.size();
        return;
      }
      const char kind = s_[mark + 1];
      if (kind == '{' || kind == '%' || kind == '#')
        break;
    }
    if (const match raw_begin = raw_tag(mark, "raw")) {
      push_data(begin, mark, raw_begin.strip);
      i_ = raw_begin.end;
      raw_block();
      return;
    }
    std::size_t inside = mark + 2;
    const bool sign = inside < s_.size() && (s_[inside] == '-' || s_[inside] == '+');
    push_data(begin, mark, sign && s_[inside] == '-');
    i_ = mark;
    inside += sign ? 1 : 0;
    switch (s_[mark + 1]) {
      case '#': comment(inside); return;
      case '{': tag(inside, token_kind::variable_begin, token_kind::variable_end, "}}"); return;
      default: tag(inside, token_kind::block_begin, token_kind::block_end, "%}"); return;
    }
  }

  void comment(std::size_t inside) {
    const std::size_t mark = s_.find("#}", inside);
    if (mark == std::string::npos) {
      if (inside < s_.size())
        throw failure{"Missing end of comment tag"};
      i_ = s_.size();
      return;
    }
    i_ = mark > inside && s_[mark - 1] == '-' ? skip_space(mark + 2) : mark + 2;
  }

  void raw_block() {
    const std::size_t begin = i_;
    for (std::size_t mark = s_.find("{%", begin); mark != std::string::npos; mark = s_.find("{%", mark + 1)) {
      rt_.step();
      if (const match end = raw_tag(mark, "endraw")) {
        push_data(begin, mark, end.strip);
        i_ = end.end;
        return;
      }
    }
    if (begin < s_.size())
      throw failure{"Missing end of raw directive"};
  }

  void tag(std::size_t inside, token_kind begin, token_kind end, std::string_view delimiter) {
    push(begin, {});
    i_ = inside;
    brackets_.clear();
    while (i_ < s_.size()) {
      rt_.step();
      if (brackets_.empty()) {
        if (const match close = closing(i_, delimiter, end == token_kind::block_end)) {
          push(end, {});
          i_ = close.end;
          return;
        }
      }
      expression_token();
    }
  }

  void expression_token() {
    const std::size_t after = skip_space(i_);
    if (after > i_) {
      i_ = after;
      return;
    }
    const auto c = text::decode(s_, i_);
    if (c.code < 0x80 && is_digit(static_cast<char>(c.code)))
      number();
    else if (text::is_word(c.code) && (c.size > 1 || c.code < 0x80))
      name();
    else if ((c.code == '"' || c.code == '\'') && string_end() != std::string::npos)
      string();
    else
      operation();
  }

  // -- numbers

  // The end of `digit (_? digit)*` from `from`; `from` if there is none.
  template <class Digit>
  std::size_t digits(std::size_t from, Digit digit) const {
    std::size_t i = from;
    while (i < s_.size()) {
      const std::size_t next = i > from && s_[i] == '_' ? i + 1 : i;
      if (next >= s_.size() || !digit(s_[next]))
        break;
      i = next + 1;
    }
    return i;
  }

  std::size_t exponent(std::size_t from) const {
    if (from >= s_.size() || (s_[from] != 'e' && s_[from] != 'E'))
      return from;
    std::size_t i = from + 1;
    if (i < s_.size() && (s_[i] == '+' || s_[i] == '-'))
      ++i;
    const std::size_t end = digits(i, is_digit);
    return end > i ? end : from;
  }

  void number() {
    const std::size_t whole = digits(i_, is_digit);
    std::size_t end = whole;
    // After a dot, as in `x.0.1`, only integers are read.
    if (i_ == 0 || s_[i_ - 1] != '.') {
      if (whole + 1 < s_.size() && s_[whole] == '.' && is_digit(s_[whole + 1]))
        end = digits(whole + 1, is_digit);
      end = exponent(end);
    }
    if (end > whole) {
      const auto parsed = numbers::parse_real(rest(i_).substr(0, end - i_));
      push(token_kind::real, {}, i_, value(parsed.value_or(0)));
      i_ = end;
      return;
    }
    integer();
  }

  void integer() {
    const auto octal = [](char c) { return c >= '0' && c <= '7'; };
    const auto binary = [](char c) { return c == '0' || c == '1'; };
    const auto hex = [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); };
    const auto zero = [](char c) { return c == '0'; };
    std::size_t end = i_;
    if (s_[i_] == '0') {
      const char prefix = i_ + 1 < s_.size() ? static_cast<char>(s_[i_ + 1] | 0x20) : '\0';
      const std::size_t start = i_ + 2 < s_.size() && s_[i_ + 2] == '_' ? i_ + 3 : i_ + 2;
      if (start < s_.size() && prefix == 'x' && hex(s_[start]))
        end = digits(start, hex);
      else if (start < s_.size() && prefix == 'o' && octal(s_[start]))
        end = digits(start, octal);
      else if (start < s_.size() && prefix == 'b' && binary(s_[start]))
        end = digits(start, binary);
      else
        end = digits(i_, zero);
    } else {
      end = digits(i_, is_digit);
    }
    std::int64_t x = 0;
    std::string literal(rest(i_).substr(0, end - i_));
    literal.erase(std::remove(literal.begin(), literal.end(), '_'), literal.end());
    if (numbers::parse_integer(literal, 0, x) != numbers::reading::good)
      throw failure{"the integer " + literal.substr(0, 40) + " does not fit into 64 bits"};
    push(token_kind::integer, {}, i_, value(x));
    i_ = end;
  }

  // -- names, strings, operators

  void name() {
    std::size_t end = i_;
    while (end < s_.size()) {
      const auto c = text::decode(s_, end);
      if (!text::is_word(c.code) || (c.size == 1 && c.code >= 0x80))
        break;
      end += c.size;
    }
    push(token_kind::name, std::string(rest(i_).substr(0, end - i_)));
    i_ = end;
  }

  // The place after the closing quote; npos if there is none.
  std::size_t string_end() const {
    for (std::size_t i = i_ + 1; i < s_.size(); ++i) {
      if (s_[i] == s_[i_])
        return i + 1;
      if (s_[i] == '\\')
        ++i;
    }
    return std::string::npos;
  }

  void string() {
    const std::size_t end = string_end();
    push(token_kind::string, unescape(rest(i_ + 1).substr(0, end - i_ - 2)));
    i_ = end;
  }

  static std::string unescape(std::string_view s) {
    std::string out;
    out.reserve(s.size());
    for (std::size_t i = 0; i < s.size();) {
      if (s[i] != '\\') {
        out += s[i++];
        continue;
      }
      const char kind = s[i + 1];
      i += 2;
      constexpr std::string_view plain = "\\'\"abfnrtv";
      constexpr std::string_view meaning = "\\'\"\a\b\f\n\r\t\v";
      const std::size_t found = plain.find(kind);
      if (kind == '\n')
        continue;
      if (found != std::string_view::npos)
        out += meaning[found];
      else if (kind >= '0' && kind <= '7')
        text::append(out, octal(s, --i));
      else if (kind == 'x' || kind == 'u' || kind == 'U')
        text::append(out, hexadecimal(s, i, kind == 'x' ? 2 : kind == 'u' ? 4 : 8, kind));
      else if (kind == 'N')
        throw failure{"names of characters (\\N) are not supported"};
      else
        out.append({'\\', kind});
    }
    return out;
  }

  static char32_t octal(std::string_view s, std::size_t& i) {
    char32_t code = 0;
    for (int n = 0; n < 3 && i < s.size() && s[i] >= '0' && s[i] <= '7'; ++n)
      code = code * 8 + static_cast<char32_t>(s[i++] - '0');
    return code;
  }

  static char32_t hexadecimal(std::string_view s, std::size_t& i, std::size_t count, char kind) {
    std::int64_t code = 0;
    const std::string_view piece = s.substr(i, count);
    const bool good = piece.size() == count &&
                      piece.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos &&
                      numbers::parse_integer(piece, 16, code) == numbers::reading::good;
    if (!good)
      throw failure{std::string("truncated \\") + kind + std::string(count, 'X') + " escape"};
    if (code > 0x10FFFF)
      throw failure{"illegal Unicode character"};
    if (code >= 0xD800 && code < 0xE000)
      throw failure{"surrogates are not characters of a text"};
    i += count;
    return static_cast<char32_t>(code);
  }

  void operation() {
    constexpr std::array<std::string_view, 6> pairs = {"//", "**", "==", "!=", ">=", "<="};
    constexpr std::string_view singles = "+-/*%~[](){}><=.:|,;";
    std::string_view found = rest(i_).substr(0, 2);
    if (std::find(pairs.begin(), pairs.end(), found) == pairs.end())
      found = found.substr(0, 1);
    if (found.size() == 1 && singles.find(found[0]) == std::string_view::npos) {
      const auto c = text::decode(s_, i_);
      throw failure{"unexpected char " + text::quote(rest(i_).substr(0, c.size))};
    }
    balance(found[0]);
    push(token_kind::operation, std::string(found));
    i_ += found.size();
  }

  void balance(char c) {
    if (c == '(' || c == '[' || c == '{') {
      brackets_.push_back(c == '(' ? ')' : c == '[' ? ']' : '}');
    } else if (c == ')' || c == ']' || c == '}') {
      if (brackets_.empty())
        throw failure{std::string("unexpected '") + c + "'"};
      if (brackets_.back() != c)
        throw failure{std::string("unexpected '") + c + "', expected '" + brackets_.back() + "'"};
      brackets_.pop_back();
    }
  }

  runtime& rt_;
  std::string s_;
  std::size_t i_ = 0;
  std::string brackets_;
  std::size_t counted_ = 0;
  position at_;
  std::vector<token> out_;
};

} // namespace

std::vector<token> tokenize(runtime& rt, std::string_view text) {
  rt.take(2 * text.size());
  return lexer(rt, text).run(false);
}

std::vector<token> tokenize_expression(runtime& rt, std::string_view text) {
  rt.take(2 * text.size());
  return lexer(rt, text).run(true);
}

} // namespace muster::spec::tmpl
