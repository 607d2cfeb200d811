#include "spec/template/methods.hpp"
#include "spec/template/objects.hpp"
#include "spec/template/parameters.hpp"
#include "spec/template/text.hpp"

#include <algorithm>
#include <map>

namespace muster::spec::tmpl {
namespace {

using text::character;

value like(runtime& rt, const value& self, std::string s) {
  return rt.str(std::move(s), self.string().markup);
}

value like(runtime& rt, const value& self, std::string_view s) {
  return like(rt, self, std::string(s));
}

value texts(runtime& rt, const value& self, const std::vector<std::string_view>& parts) {
  list_type out;
  for (const auto part : parts) {
    rt.step(8);
    out.push_back(like(rt, self, part));
  }
  return rt.list(std::move(out));
}

void no_arguments(runtime& rt, std::string_view name, const arguments& args) {
  const parameters none(rt, name, args, {});
}

template <std::string (*Function)(std::string_view)>
value mapped(runtime& rt, const value& self, arguments& args) {
  no_arguments(rt, "str method", args);
  rt.take(self.as_string().size());
  return like(rt, self, Function(self.as_string()));
}

std::string title(std::string_view s) {
  std::string out;
  bool inside = false;
  for (std::size_t i = 0; i < s.size();) {
    const character c = text::decode(s, i);
    const auto piece = s.substr(i, c.size);
    out += inside ? text::lower(piece) : text::upper(piece);
    inside = text::is_alpha(c.code);
    i += c.size;
  }
  return out;
}

std::string swapcase(std::string_view s) {
  std::string out;
  for (std::size_t i = 0; i < s.size();) {
    const character c = text::decode(s, i);
    const auto piece = s.substr(i, c.size);
    out += text::is_upper(c.code) ? text::lower(piece) : text::upper(piece);
    i += c.size;
  }
  return out;
}

template <bool Left, bool Right>
value stripped(runtime& rt, const value& self, arguments& args) {
  const parameters p(rt, "strip", args, {"chars"});
  rt.step(self.as_string().size() / 16);
  if (!p.set(0))
    return like(rt, self, text::strip(self.as_string(), Left, Right));
  const std::string chars = p.text(0);
  const std::string_view view = chars;
  rt.step(self.as_string().size() / 64 + chars.size());
  if (!chars.empty())
    rt.step(self.as_string().size() / 16 * chars.size() / 16);
  return like(rt, self, text::strip(self.as_string(), Left, Right, &view));
}

std::vector<std::string_view> split_spaces(std::string_view s, std::int64_t most) {
  std::vector<std::string_view> out;
  s = text::strip(s, true, false);
  while (!s.empty()) {
    if (most-- == 0) {
      out.push_back(s);
      break;
    }
    std::size_t end = 0;
    while (end < s.size() && !text::is_space(text::decode(s, end).code))
      end += text::decode(s, end).size;
    out.push_back(s.substr(0, end));
    s = text::strip(s.substr(end), true, false);
  }
  return out;
}

std::vector<std::string_view> split_spaces_right(std::string_view s, std::int64_t most) {
  auto words = split_spaces(s, -1);
  if (most < 0 || words.size() <= static_cast<std::size_t>(most) + 1)
    return words;
  const std::size_t first = words.size() - static_cast<std::size_t>(most);
  std::vector<std::string_view> out(words.begin() + static_cast<std::ptrdiff_t>(first), words.end());
  const auto end = static_cast<std::size_t>(words[first - 1].data() + words[first - 1].size() - s.data());
  out.insert(out.begin(), s.substr(0, end));
  return out;
}

std::vector<std::string_view> split_at(std::string_view s, std::string_view separator, std::int64_t most) {
  std::vector<std::string_view> out;
  std::size_t start = 0;
  for (std::size_t found = 0; most-- != 0; start = found + separator.size()) {
    found = s.find(separator, start);
    if (found == std::string_view::npos)
      break;
    out.push_back(s.substr(start, found - start));
  }
  out.push_back(s.substr(start));
  return out;
}

std::vector<std::string_view> split_at_right(std::string_view s, std::string_view separator, std::int64_t most) {
  std::vector<std::string_view> out;
  while (most-- != 0) {
    const std::size_t found = s.rfind(separator);
    if (found == std::string_view::npos)
      break;
    out.push_back(s.substr(found + separator.size()));
    s = s.substr(0, found);
  }
  out.push_back(s);
  std::reverse(out.begin(), out.end());
  return out;
}

template <bool Right>
value split(runtime& rt, const value& self, arguments& args) {
  const parameters p(rt, "split", args, {"sep", "maxsplit"});
  const std::int64_t most = p.integer(1, -1);
  const auto& s = self.as_string();
  rt.take(s.size());
  if (!p.set(0))
    return texts(rt, self, Right ? split_spaces_right(s, most) : split_spaces(s, most));
  const std::string separator = p.text(0);
  if (separator.empty())
    throw failure{"empty separator"};
  return texts(rt, self, Right ? split_at_right(s, separator, most) : split_at(s, separator, most));
}

template <bool Right>
value partition(runtime& rt, const value& self, arguments& args) {
  const parameters p(rt, "partition", args, {"sep"}, 1);
  const std::string separator = p.text(0);
  if (separator.empty())
    throw failure{"empty separator"};
  const std::string_view s = self.as_string();
  const std::size_t found = Right ? s.rfind(separator) : s.find(separator);
  if (found == std::string_view::npos) {
    if (Right)
      return rt.tuple({rt.str(""), rt.str(""), self});
    return rt.tuple({self, rt.str(""), rt.str("")});
  }
  return rt.tuple({like(rt, self, s.substr(0, found)), like(rt, self, separator),
                   like(rt, self, s.substr(found + separator.size()))});
}

value splitlines(runtime& rt, const value& self, arguments& args) {
  const parameters p(rt, "splitlines", args, {"keepends"});
  return texts(rt, self, text::split_lines(self.as_string(), p.flag(0, false)));
}

value join(runtime& rt, const value& self, arguments& args) {
  const parameters p(rt, "join", args, {"iterable"}, 1);
  return join_strings(rt, self, iterate(rt, p[0]));
}

value replace(runtime& rt, const value& self, arguments& args) {
  const parameters p(rt, "replace", args, {"old", "new", "count"}, 2);
  std::string old = p.text(0);
  std::string replacement = p.text(1);
  if (self.string().markup) {
    old = p[0].string().markup ? old : text::escape_html(old);
    replacement = p[1].string().markup ? replacement : text::escape_html(replacement);
  }
  return like(rt, self, replace_text(rt, self.as_string(), old, replacement, p.integer(2, -1)));
}

// The part [start, end) that find, count, startswith and their kin look at; false if it lies outside the text.
bool window(const parameters& p, const value& self, std::string_view& part, std::int64_t& start) {
  const auto size = static_cast<std::int64_t>(self.string().length);
  const auto bound = [&](std::size_t i, std::int64_t otherwise) {
    const std::int64_t x = p.set(i) ? to_index(p[i]) : otherwise;
    return x < 0 ? std::max<std::int64_t>(0, x + size) : x;
  };
  start = bound(1, 0);
  const std::int64_t end = std::min(bound(2, size), size);
  if (start > end)
    return false;
  part = self.as_string();
  part = part.substr(text::offset_of(part, static_cast<std::size_t>(start)));
  part = part.substr(0, text::offset_of(part, static_cast<std::size_t>(end - start)));
  return true;
}

std::int64_t locate(runtime& rt, const value& self, const arguments& args, bool right) {
  const parameters p(rt, "find", args, {"sub", "start", "end"}, 1);
  const std::string sub = p.text(0);
  std::string_view part;
  std::int64_t start = 0;
  rt.step(self.as_string().size() / 64);
  if (!window(p, self, part, start))
    return -1;
  const std::size_t found = right ? part.rfind(sub) : part.find(sub);
  if (found == std::string_view::npos)
    return -1;
  return start + static_cast<std::int64_t>(text::length(part.substr(0, found)));
}

template <bool Right, bool Must>
value find(runtime& rt, const value& self, arguments& args) {
  const std::int64_t found = locate(rt, self, args, Right);
  if (Must && found < 0)
    throw failure{"substring not found"};
  return found;
}

value count(runtime& rt, const value& self, arguments& args) {
  const parameters p(rt, "count", args, {"sub", "start", "end"}, 1);
  const std::string sub = p.text(0);
  std::string_view part;
  std::int64_t start = 0;
  if (!window(p, self, part, start))
    return 0;
  rt.step(part.size() / 16);
  if (sub.empty())
    return static_cast<std::int64_t>(text::length(part)) + 1;
  return static_cast<std::int64_t>(split_at(part, sub, -1).size()) - 1;
}

template <bool End>
value begins(runtime& rt, const value& self, arguments& args) {
  const parameters p(rt, End ? "endswith" : "startswith", args, {"prefix", "start", "end"}, 1);
  require_defined(p[0]);
  const list_type candidates = p[0].is(type::tuple) ? p[0].items() : list_type{p[0]};
  std::string_view part;
  std::int64_t start = 0;
  const bool inside = window(p, self, part, start);
  for (const auto& x : candidates) {
    if (!x.is_string())
      throw failure{std::string(End ? "endswith" : "startswith") + " first arg must be str or a tuple of str, not " +
                    type_name(x)};
    const std::string_view s = x.as_string();
    if (inside && s.size() <= part.size() && part.substr(End ? part.size() - s.size() : 0, s.size()) == s)
      return true;
  }
  return false;
}

template <bool Suffix>
value remove_affix(runtime& rt, const value& self, arguments& args) {
  const parameters p(rt, "removeprefix", args, {"prefix"}, 1);
  const std::string affix = p.text(0);
  const std::string_view s = self.as_string();
  if (affix.size() > s.size() || s.substr(Suffix ? s.size() - affix.size() : 0, affix.size()) != affix)
    return self;
  return like(rt, self, s.substr(Suffix ? 0 : affix.size(), s.size() - affix.size()));
}

template <alignment Where>
value padded(runtime& rt, const value& self, arguments& args) {
  const parameters p(rt, "center", args, {"width", "fillchar"}, 1);
  const std::string fill = p.text(1, " ");
  if (text::length(fill) != 1)
    throw failure{"The fill character must be exactly one character long"};
  return like(rt, self, pad(rt, self.as_string(), p.integer(0, 0), fill, Where));
}

value zfill(runtime& rt, const value& self, arguments& args) {
  const parameters p(rt, "zfill", args, {"width"}, 1);
  const auto& s = self.as_string();
  const bool sign = !s.empty() && (s[0] == '+' || s[0] == '-');
  std::string out = pad(rt, s, p.integer(0, 0), "0", alignment::right);
  if (sign && out.size() > s.size())
    std::swap(out[0], out[out.size() - s.size()]);
  return like(rt, self, std::move(out));
}

value expandtabs(runtime& rt, const value& self, arguments& args) {
  const parameters p(rt, "expandtabs", args, {"tabsize"});
  const std::int64_t size = p.integer(0, 8);
  std::string out;
  std::int64_t column = 0;
  for (const auto c : text::split_characters(self.as_string())) {
    if (c == "\t") {
      const std::size_t spaces = size > 0 ? bounded(rt, size - column % size) : 0;
      rt.take(spaces);
      out.append(spaces, ' ');
      column += static_cast<std::int64_t>(spaces);
    } else {
      out += c;
      column = c == "\n" || c == "\r" ? 0 : column + 1;
    }
  }
  return like(rt, self, std::move(out));
}

template <bool (*Test)(char32_t)>
value all(runtime& rt, const value& self, arguments& args) {
  no_arguments(rt, "str method", args);
  const std::string_view s = self.as_string();
  rt.step(s.size() / 16);
  for (std::size_t i = 0; i < s.size();) {
    const character c = text::decode(s, i);
    if (!Test(c.code))
      return false;
    i += c.size;
  }
  return !s.empty() || Test == text::is_printable;
}

bool alphanumeric(char32_t c) {
  return text::is_alpha(c) || text::is_digit(c);
}

value isascii(runtime& rt, const value& self, arguments& args) {
  no_arguments(rt, "isascii", args);
  const auto& s = self.as_string();
  return std::all_of(s.begin(), s.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

value isidentifier(runtime& rt, const value& self, arguments& args) {
  no_arguments(rt, "isidentifier", args);
  const std::string_view s = self.as_string();
  return !s.empty() && !text::is_digit(text::decode(s, 0).code) && all<text::is_word>(rt, self, args).as_bool();
}

template <bool Upper>
value is_case(runtime& rt, const value& self, arguments& args) {
  no_arguments(rt, "str method", args);
  const std::string_view s = self.as_string();
  rt.step(s.size() / 16);
  bool any = false;
  for (std::size_t i = 0; i < s.size();) {
    const character c = text::decode(s, i);
    if (Upper ? text::is_lower(c.code) : text::is_upper(c.code))
      return false;
    any = any || (Upper ? text::is_upper(c.code) : text::is_lower(c.code));
    i += c.size;
  }
  return any;
}

value istitle(runtime& rt, const value& self, arguments& args) {
  no_arguments(rt, "istitle", args);
  const std::string_view s = self.as_string();
  bool inside = false;
  bool any = false;
  for (std::size_t i = 0; i < s.size();) {
    const character c = text::decode(s, i);
    const bool upper = text::is_upper(c.code);
    const bool lower = text::is_lower(c.code);
    if ((upper && inside) || (lower && !inside))
      return false;
    inside = upper || lower;
    any = any || inside;
    i += c.size;
  }
  return any;
}

value refuse(runtime& /*rt*/, const value& /*self*/, arguments& /*args*/) {
  throw failure{"bytes and translation tables are not supported in templates"};
}

value format_map(runtime& rt, const value& self, arguments& args) {
  const parameters p(rt, "format_map", args, {"mapping"}, 1);
  if (!p[0].is(type::dict))
    throw failure{"format_map() argument must be a dict, not " + type_name(p[0])};
  arguments named;
  for (const auto& [key, x] : p[0].dict().entries()) {
    if (key.is_string())
      named.keyword.emplace_back(key.as_string(), x);
  }
  return brace_format(rt, self, named);
}

value format(runtime& rt, const value& self, arguments& args) {
  return brace_format(rt, self, args);
}

const std::map<std::string_view, method>& table() {
  static const std::map<std::string_view, method> methods = {
      {"capitalize", mapped<text::capitalize>},
      {"casefold", mapped<text::lower>},
      {"center", padded<alignment::center>},
      {"count", count},
      {"encode", refuse},
      {"endswith", begins<true>},
      {"expandtabs", expandtabs},
      {"find", find<false, false>},
      {"format", format},
      {"format_map", format_map},
      {"index", find<false, true>},
      {"isalnum", all<alphanumeric>},
      {"isalpha", all<text::is_alpha>},
      {"isascii", isascii},
      {"isdecimal", all<text::is_digit>},
      {"isdigit", all<text::is_digit>},
      {"isidentifier", isidentifier},
      {"islower", is_case<false>},
      {"isnumeric", all<text::is_digit>},
      {"isprintable", all<text::is_printable>},
      {"isspace", all<text::is_space>},
      {"istitle", istitle},
      {"isupper", is_case<true>},
      {"join", join},
      {"ljust", padded<alignment::left>},
      {"lower", mapped<text::lower>},
      {"lstrip", stripped<true, false>},
      {"partition", partition<false>},
      {"removeprefix", remove_affix<false>},
      {"removesuffix", remove_affix<true>},
      {"replace", replace},
      {"rfind", find<true, false>},
      {"rindex", find<true, true>},
      {"rjust", padded<alignment::right>},
      {"rpartition", partition<true>},
      {"rsplit", split<true>},
      {"rstrip", stripped<false, true>},
      {"split", split<false>},
      {"splitlines", splitlines},
      {"startswith", begins<false>},
      {"strip", stripped<true, true>},
      {"swapcase", mapped<swapcase>},
      {"title", mapped<title>},
      {"translate", refuse},
      {"upper", mapped<text::upper>},
      {"zfill", zfill},
  };
  return methods;
}

} // namespace

method find_string_method(std::string_view name) {
  const auto found = table().find(name);
  return found == table().end() ? nullptr : found->second;
}

value join_strings(runtime& rt, const value& separator, const list_type& items) {
  const bool markup = separator.string().markup;
  std::string out;
  for (std::size_t i = 0; i < items.size(); ++i) {
    require_defined(items[i]);
    if (!markup && !items[i].is_string())
      throw failure{"sequence item " + std::to_string(i) + ": expected str instance, " + type_name(items[i]) +
                    " found"};
    std::string item = to_str(rt, items[i]);
    if (markup && !(items[i].is_string() && items[i].string().markup))
      item = text::escape_html(item);
    rt.take(item.size() + separator.as_string().size());
    out += i > 0 ? separator.as_string() + item : item;
  }
  return rt.str(std::move(out), markup);
}

std::string replace_text(runtime& rt, std::string_view s, std::string_view old, std::string_view replacement,
                         std::int64_t count) {
  std::string out;
  std::size_t start = 0;
  rt.step(s.size() / 64);
  if (old.empty()) {
    while (count-- != 0) {
      rt.take(replacement.size() + 4);
      out += replacement;
      if (start >= s.size())
        return out;
      const std::size_t size = text::decode(s, start).size;
      out += s.substr(start, size);
      start += size;
    }
    return out.append(s.substr(start));
  }
  while (count-- != 0) {
    const std::size_t found = s.find(old, start);
    if (found == std::string_view::npos)
      break;
    rt.take(found - start + replacement.size());
    out += s.substr(start, found - start);
    out += replacement;
    start = found + old.size();
  }
  rt.take(s.size() - start);
  return out.append(s.substr(start));
}

std::string pad(runtime& rt, std::string_view s, std::int64_t width, std::string_view fill, alignment where) {
  const auto have = static_cast<std::int64_t>(text::length(s));
  if (width <= have)
    return std::string(s);
  const std::size_t missing = bounded(rt, width - have, fill.size());
  rt.take(missing * fill.size());
  std::size_t left = where == alignment::right ? missing : 0;
  if (where == alignment::center)
    left = missing / 2 + (missing & static_cast<std::size_t>(width) & 1U);
  std::string out;
  for (std::size_t i = 0; i < left; ++i)
    out += fill;
  out += s;
  for (std::size_t i = left; i < missing; ++i)
    out += fill;
  return out;
}

} // namespace muster::spec::tmpl
