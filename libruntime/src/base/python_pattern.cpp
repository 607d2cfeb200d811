#include "base/python_pattern.hpp"

#include "muster/base/utf8.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace muster {

namespace {

constexpr std::uint64_t unbounded = 1ULL << 40U;
constexpr std::uint64_t most_repeats = 65535; // PCRE2's bound of `{n}`; Python's is four thousand millions.
constexpr int deepest = 100;

/// How many characters a part can match.
struct width {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
};

width operator+(width a, width b) {
  return {std::min(a.low + b.low, unbounded), std::min(a.high + b.high, unbounded)};
}

/// What the last item of a branch was: decides whether it may be repeated.
enum class item : std::uint8_t { none, anchor, repeat, other };

bool is_digit(char32_t c) {
  return c >= U'0' && c <= U'9';
}

bool is_octal(char32_t c) {
  return c >= U'0' && c <= U'7';
}

bool is_letter(char32_t c) {
  return (c >= U'a' && c <= U'z') || (c >= U'A' && c <= U'Z');
}

int hex_value(char32_t c) {
  if (is_digit(c))
    return static_cast<int>(c - U'0');
  if (c >= U'a' && c <= U'f')
    return static_cast<int>(c - U'a') + 10;
  return c >= U'A' && c <= U'F' ? static_cast<int>(c - U'A') + 10 : -1;
}

std::u32string decode(std::string_view text) {
  std::u32string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto lead = static_cast<unsigned char>(text[at++]);
    const auto more = lead < 0x80 ? 0U : lead >= 0xf0 ? 3U : lead >= 0xe0 ? 2U : 1U;
    char32_t c = more == 0 ? lead : lead & (0x3fU >> more);
    for (unsigned i = 0; i < more; ++i)
      c = (c << 6U) | (static_cast<unsigned char>(text[at++]) & 0x3fU);
    out += c;
  }
  return out;
}

std::string literal(char32_t c) {
  std::string out;
  if (is_letter(c) || is_digit(c) || c >= 0x80) {
    append_utf8(out, c);
    return out;
  }
  constexpr std::string_view hex = "0123456789abcdef";
  return {'\\', 'x', '{', hex[c >> 4U], hex[c & 0xfU], '}'};
}

/// Reads a pattern by the rules of sre_parse and writes PCRE2's. Fails by leaving a message.
class translator {
public:
  explicit translator(std::string_view pattern) : in_(decode(pattern)) {}

  result<std::string> run() {
    alternatives(0, false);
    if (ok() && at_ < in_.size())
      fail("unbalanced parenthesis");
    for (const auto group : conditions_)
      if (ok() && group >= groups_)
        fail("the condition names group " + std::to_string(group) + ", which does not exist");
    if (!ok())
      return {ec::invalid_argument, problem_ + " at position " + std::to_string(problem_at_)};
    return std::move(out_);
  }

private:
  [[nodiscard]] bool ok() const { return problem_.empty(); }
  void fail(std::string why) {
    if (!ok())
      return;
    problem_ = std::move(why);
    problem_at_ = at_;
  }
  [[nodiscard]] bool done() const { return at_ >= in_.size() || !ok(); }
  [[nodiscard]] char32_t peek(std::size_t ahead = 0) const {
    return at_ + ahead < in_.size() ? in_[at_ + ahead] : U'\0';
  }
  [[nodiscard]] bool sees(char32_t c) const { return at_ < in_.size() && in_[at_] == c; }
  bool take(char32_t c) {
    if (!sees(c))
      return false;
    ++at_;
    return true;
  }

  width alternatives(int depth, bool in_condition) {
    if (depth > deepest) {
      fail("groups are nested too deep");
      return {};
    }
    width all{unbounded, 0};
    bool first = depth == 0;
    int branches = 0;
    do {
      if (branches++ > 0)
        out_ += '|';
      const auto one = branch(depth, first);
      first = false;
      all = {std::min(all.low, one.low), std::max(all.high, one.high)};
    } while (ok() && take(U'|'));
    if (in_condition && branches > 2)
      fail("a condition has more than two branches");
    if (in_condition && branches == 1)
      all.low = 0;
    return all;
  }

  /// White space and comments between items of a verbose pattern.
  bool skip_verbose() {
    if (!verbose_)
      return false;
    constexpr std::u32string_view spaces = U" \t\n\r\v\f";
    if (spaces.find(peek()) != std::u32string_view::npos && at_ < in_.size()) {
      ++at_;
      return true;
    }
    if (!sees(U'#'))
      return false;
    while (at_ < in_.size() && in_[at_] != U'\n')
      ++at_;
    return true;
  }

  width branch(int depth, bool first) {
    width sum;
    last_ = item::none;
    width last_width;
    bool empty = true;
    while (!done() && !sees(U'|') && !sees(U')')) {
      if (skip_verbose())
        continue;
      const auto kind_before = last_;
      width one = last_width;
      if (repeat(kind_before, one)) {
        sum = {sum.low - last_width.low, sum.high - std::min(sum.high, last_width.high)};
        sum = sum + one;
        last_width = one;
        last_ = item::repeat;
        continue;
      }
      if (!ok())
        break;
      bool is_item = true;
      one = part(depth, first && empty, is_item);
      if (!is_item) {
        last_ = kind_before;
        continue;
      }
      empty = false;
      last_width = one;
      sum = sum + one;
    }
    return sum;
  }

  // -- repetition

  std::optional<std::uint64_t> number() {
    std::optional<std::uint64_t> out;
    while (is_digit(peek()) && at_ < in_.size())
      out = std::min(out.value_or(0) * 10 + (in_[at_++] - U'0'), unbounded);
    return out;
  }

  /// `*`, `+`, `?` or `{...}` after an item. False when there is none, or when `{` is a literal.
  bool repeat(item before, width& one) {
    std::uint64_t low = 0;
    std::uint64_t high = unbounded;
    std::string written;
    if (sees(U'*') || sees(U'+') || sees(U'?')) {
      low = sees(U'+') ? 1 : 0;
      high = sees(U'?') ? 1 : unbounded;
      written = static_cast<char>(in_[at_++]);
    } else if (!braces(low, high, written)) {
      return false;
    }
    if (!ok())
      return false;
    if (before == item::none || before == item::anchor) {
      fail("nothing to repeat");
      return false;
    }
    if (before == item::repeat) {
      fail("multiple repeat");
      return false;
    }
    out_ += written;
    if (take(U'?'))
      out_ += '?';
    else if (take(U'+'))
      out_ += '+';
    one = {std::min(one.low * std::min(low, most_repeats + 1), unbounded),
           high >= unbounded ? (one.high == 0 ? 0 : unbounded) : std::min(one.high * high, unbounded)};
    return true;
  }

  bool braces(std::uint64_t& low, std::uint64_t& high, std::string& written) {
    if (!sees(U'{') || peek(1) == U'}')
      return false;
    const auto start = at_++;
    const auto lowest = number();
    const bool comma = take(U',');
    const auto highest = comma ? number() : lowest;
    if (!take(U'}')) {
      at_ = start;
      return false;
    }
    low = lowest.value_or(0);
    high = highest.value_or(unbounded);
    if (low >= (1ULL << 32U) || (highest && high >= (1ULL << 32U)))
      fail("the repetition number is too large");
    else if (high < low)
      fail("the least repeat is greater than the most");
    written = "{" + std::to_string(std::min(low, most_repeats));
    written += high > most_repeats ? ",}" : "," + std::to_string(high) + "}";
    return true;
  }

  // -- items

  width part(int depth, bool first, bool& is_item) {
    const auto c = in_[at_];
    last_ = item::other;
    switch (c) {
      case U'\\': return escape();
      case U'[': return set();
      case U'(': return group(depth, first, is_item);
      case U'^':
      case U'$':
        ++at_;
        last_ = item::anchor;
        out_ += static_cast<char>(c);
        return {};
      case U'.':
        ++at_;
        out_ += '.';
        return {1, 1};
      default:
        ++at_;
        out_ += literal(c);
        return {1, 1};
    }
  }

  /// Exactly `count` hex digits, as a code point.
  char32_t hex(int count) {
    char32_t value = 0;
    for (int i = 0; i < count; ++i) {
      const int digit = at_ < in_.size() ? hex_value(in_[at_]) : -1;
      if (digit < 0) {
        fail("incomplete escape");
        return 0;
      }
      value = value * 16 + static_cast<char32_t>(digit);
      ++at_;
    }
    if (value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
      fail("the escape is no character");
    return value;
  }

  /// Escapes that mean one character, inside a set and outside. `at_` is behind the letter.
  std::optional<char32_t> character_escape(char32_t c) {
    switch (c) {
      case U'a': return U'\a';
      case U'f': return U'\f';
      case U'n': return U'\n';
      case U'r': return U'\r';
      case U't': return U'\t';
      case U'v': return U'\v';
      case U'x': return hex(2);
      case U'u': return hex(4);
      case U'U': return hex(8);
      default: break;
    }
    if (is_letter(c)) {
      fail("bad escape");
      return std::nullopt;
    }
    return c;
  }

  [[nodiscard]] static bool is_category(char32_t c) {
    return c == U'd' || c == U'D' || c == U's' || c == U'S' || c == U'w' || c == U'W';
  }

  /// Up to `count` octal digits from here on, after `value`.
  char32_t octal(char32_t value, int count) {
    for (int i = 0; i < count && at_ < in_.size() && is_octal(in_[at_]); ++i)
      value = value * 8 + (in_[at_++] - U'0');
    if (value > 0377)
      fail("the octal escape is greater than 0o377");
    return value;
  }

  width escape() {
    ++at_;
    if (at_ >= in_.size()) {
      fail("a backslash at the end");
      return {};
    }
    const auto c = in_[at_++];
    if (is_category(c)) {
      (out_ += '\\') += static_cast<char>(c);
      return {1, 1};
    }
    if (c == U'A' || c == U'b' || c == U'B' || c == U'Z') {
      last_ = item::anchor;
      if (c == U'B')
        out_ += "(?:\\B(?!\\A\\z))"; // Python's does not match in an empty text.
      else
        (out_ += '\\') += c == U'Z' ? 'z' : static_cast<char>(c);
      return {};
    }
    if (c == U'0') {
      out_ += literal(octal(0, 2));
      return {1, 1};
    }
    if (is_digit(c))
      return numbered(c);
    if (const auto value = character_escape(c))
      out_ += literal(*value);
    return {1, 1};
  }

  /// `\1` to `\99` are groups, three octal digits a character.
  width numbered(char32_t c) {
    if (is_octal(c) && is_octal(peek()) && is_octal(peek(1)) && at_ + 1 < in_.size()) {
      out_ += literal(octal(c - U'0', 2));
      return {1, 1};
    }
    std::size_t group = c - U'0';
    if (at_ < in_.size() && is_digit(peek()))
      group = group * 10 + (in_[at_++] - U'0');
    return reference(group);
  }

  width reference(std::size_t group) {
    if (group >= groups_)
      fail("group " + std::to_string(group) + " does not exist");
    else if (std::find(open_.begin(), open_.end(), group) != open_.end())
      fail("group " + std::to_string(group) + " is still open");
    if (!ok())
      return {};
    out_ += "\\g{" + std::to_string(group) + "}";
    return widths_[group];
  }

  // -- sets

  /// One character or category of a set; nothing when it is a category.
  std::optional<char32_t> set_member(std::string& written) {
    if (at_ >= in_.size()) {
      fail("a set `[` is not closed");
      return std::nullopt;
    }
    const auto c = in_[at_++];
    if (c != U'\\') {
      written = literal(c);
      return c;
    }
    if (at_ >= in_.size()) {
      fail("a backslash at the end");
      return std::nullopt;
    }
    const auto e = in_[at_++];
    if (is_category(e)) {
      written = std::string{'\\', static_cast<char>(e)};
      return std::nullopt;
    }
    std::optional<char32_t> value;
    if (e == U'b')
      value = U'\b';
    else if (is_octal(e))
      value = octal(e - U'0', 2);
    else if (is_digit(e))
      fail("bad escape");
    else
      value = character_escape(e);
    if (value)
      written = literal(*value);
    return value;
  }

  width set() {
    ++at_;
    out_ += '[';
    if (take(U'^'))
      out_ += '^';
    const auto first = at_;
    while (ok()) {
      if (at_ != first && take(U']')) {
        out_ += ']';
        return {1, 1};
      }
      std::string written;
      const auto low = set_member(written);
      if (!ok())
        break;
      if (!sees(U'-') || peek(1) == U']') {
        out_ += written;
        continue;
      }
      ++at_;
      std::string end;
      const auto high = set_member(end);
      if (ok() && (!low || !high || *high < *low))
        fail("bad character range");
      out_ += written;
      out_ += '-';
      out_ += end;
    }
    return {1, 1};
  }

  // -- groups

  [[nodiscard]] std::string name(char32_t end) {
    std::u32string text;
    while (at_ < in_.size() && in_[at_] != end)
      text += in_[at_++];
    if (!take(end)) {
      fail("a group's name is not closed");
      return {};
    }
    std::string out;
    for (const auto c : text) {
      if (!is_letter(c) && !is_digit(c) && c != U'_')
        fail("bad character in a group's name");
      append_utf8(out, c);
    }
    if (text.empty())
      fail("a group has no name");
    return out;
  }

  void close(int depth) {
    static_cast<void>(depth);
    if (ok() && !take(U')'))
      fail("a parenthesis is not closed");
    out_ += ')';
    last_ = item::other;
  }

  width capture(int depth) {
    const auto group = groups_++;
    widths_.push_back({});
    open_.push_back(group);
    const bool verbose = verbose_;
    const auto inside = alternatives(depth + 1, false);
    verbose_ = verbose;
    open_.pop_back();
    widths_[group] = inside;
    close(depth);
    return inside;
  }

  width group(int depth, bool first, bool& is_item) {
    ++at_;
    if (!take(U'?')) {
      out_ += '(';
      return capture(depth);
    }
    if (at_ >= in_.size()) {
      fail("unexpected end of the pattern");
      return {};
    }
    const auto c = in_[at_++];
    switch (c) {
      case U'P': return named(depth);
      case U':': return plain(depth, "(?:");
      case U'>': return plain(depth, "(?>");
      case U'#':
        is_item = false;
        while (at_ < in_.size() && in_[at_] != U')')
          ++at_;
        if (!take(U')'))
          fail("a comment is not closed");
        return {};
      case U'=':
      case U'!': plain(depth, c == U'=' ? "(?=" : "(?!"); return {};
      case U'<': return look_behind(depth);
      case U'(': return condition(depth);
      default: --at_; return flags(depth, first, is_item);
    }
  }

  width plain(int depth, std::string_view start) {
    out_ += start;
    const bool verbose = verbose_;
    const auto inside = alternatives(depth + 1, false);
    verbose_ = verbose;
    close(depth);
    return inside;
  }

  width look_behind(int depth) {
    if (!sees(U'=') && !sees(U'!')) {
      fail("unknown extension (?<");
      return {};
    }
    const auto inside = plain(depth, in_[at_++] == U'=' ? "(?<=" : "(?<!");
    if (inside.low != inside.high)
      fail("a look-behind needs a pattern of fixed width");
    return {};
  }

  width named(int depth) {
    if (take(U'<')) {
      const auto text = name(U'>');
      if (ok() && is_digit(static_cast<char32_t>(text[0])))
        fail("a group's name starts with a digit");
      if (ok() && !names_.emplace(text, groups_).second)
        fail("the group name '" + text + "' is there twice");
      out_ += "(";
      return ok() ? capture(depth) : width{};
    }
    if (!take(U'=')) {
      fail("unknown extension (?P");
      return {};
    }
    const auto text = name(U')');
    const auto found = names_.find(text);
    if (ok() && found == names_.end())
      fail("there is no group '" + text + "'");
    return ok() ? reference(found->second) : width{};
  }

  width condition(int depth) {
    const auto text = name(U')');
    if (!ok())
      return {};
    std::size_t group = 0;
    if (is_digit(static_cast<char32_t>(text[0]))) {
      const bool digits = text.size() <= 6 && text.find_first_not_of("0123456789") == std::string::npos;
      group = digits ? std::stoul(text) : 0;
      if (group == 0)
        fail("bad group number");
      conditions_.push_back(group);
    } else if (const auto found = names_.find(text); found != names_.end()) {
      group = found->second;
    } else {
      fail("there is no group '" + text + "'");
    }
    out_ += "(?(" + std::to_string(group) + ")";
    const bool verbose = verbose_;
    const auto inside = alternatives(depth + 1, true);
    verbose_ = verbose;
    close(depth);
    return inside;
  }

  /// Letters of inline flags, as PCRE2 has them. `a` and `u` choose a character set that is fixed here.
  std::string flag_letters(bool& unicode_choice) {
    constexpr std::u32string_view known = U"aimsux";
    std::string out;
    while (at_ < in_.size() && known.find(in_[at_]) != std::u32string_view::npos) {
      if (in_[at_] == U'a' || in_[at_] == U'u') {
        if (unicode_choice)
          fail("flags 'a' and 'u' exclude each other");
        unicode_choice = true;
      } else {
        out += static_cast<char>(in_[at_]);
      }
      ++at_;
    }
    return out;
  }

  width flags(int depth, bool first, bool& is_item) {
    bool choice = false;
    const auto start = at_;
    const auto on = flag_letters(choice);
    if (at_ == start && !sees(U'-')) {
      fail("unknown extension of a group");
      return {};
    }
    if (take(U')')) {
      is_item = false;
      if (!first)
        fail("global flags are not at the start of the pattern");
      out_ += on.empty() ? "" : "(?" + on + ")";
      verbose_ = verbose_ || on.find('x') != std::string::npos;
      return {};
    }
    std::string off;
    if (take(U'-')) {
      bool negated_choice = false;
      const auto off_start = at_;
      off = flag_letters(negated_choice);
      if (negated_choice || at_ == off_start || off.find_first_of(on) != std::string::npos)
        fail("bad inline flags");
    }
    if (ok() && !take(U':'))
      fail("bad inline flags");
    const bool verbose = verbose_;
    verbose_ = (verbose_ || on.find('x') != std::string::npos) && off.find('x') == std::string::npos;
    out_ += "(?" + on + (off.empty() ? "" : "-" + off) + ":";
    const auto inside = ok() ? alternatives(depth + 1, false) : width{};
    verbose_ = verbose;
    close(depth);
    return inside;
  }

  std::u32string in_;
  std::size_t at_ = 0;
  std::string out_;
  std::string problem_;
  std::size_t problem_at_ = 0;
  bool verbose_ = false;
  item last_ = item::none;
  std::size_t groups_ = 1; ///< The whole match is group 0.
  std::vector<width> widths_{width{}};
  std::vector<std::size_t> open_;
  std::vector<std::size_t> conditions_;
  std::map<std::string, std::size_t> names_;
};

} // namespace

result<std::string> translate_python_pattern(std::string_view pattern) {
  if (!is_utf8(pattern))
    return {ec::invalid_argument, "the regular expression is not UTF-8"};
  return translator{pattern}.run();
}

} // namespace muster
