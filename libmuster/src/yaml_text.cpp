#include "convert.hpp"
#include "render.hpp"

#include <algorithm>
#include <array>
#include <cmath>

/// YAML as people write it: blocks, and lists of words in one line.
namespace muster::api {

namespace {

constexpr std::size_t longest_line = 110;

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Whether YAML 1.1 reads it as a text without quotes.
bool is_plain(const std::string& text) {
  static constexpr std::array<std::string_view, 9> words = {"y",     "n",  "yes", "no",  "true",
                                                            "false", "on", "off", "null"};
  if (text.empty() || !is_letter(text[0]))
    return false;
  const bool simple = std::all_of(text.begin(), text.end(), [](char c) {
    return is_letter(c) || is_digit(c) || c == '_' || c == '-' || c == '.' || c == '/';
  });
  std::string lower = text;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return simple && std::find(words.begin(), words.end(), lower) == words.end();
}

/// The length of Muster's token that begins at `at`, 0 if none does.
std::size_t token_length(const std::string& text, std::size_t at) {
  static constexpr std::array<std::string_view, 9> starts = {"result:", "parameter:", "input:", "host:",  "item.",
                                                             "carry.",  "item}",      "index}", "output}"};
  if (text.compare(at, 2, "{{") != 0)
    return 0;
  const auto end = text.find("}}", at);
  if (end == std::string::npos)
    return 0;
  const auto name = std::string_view(text).substr(at + 2, end - at - 2);
  const bool good = !name.empty() && name.back() != '.' && name.back() != ':' &&
                    name.find("..") == std::string_view::npos && std::all_of(name.begin(), name.end(), [](char c) {
                      return is_letter(c) || is_digit(c) || c == '_' || c == '-' || c == '.' || c == ':';
                    });
  const auto with_brace = std::string_view(text).substr(at + 2, end - at - 1);
  const bool known = std::any_of(starts.begin(), starts.end(), [&](std::string_view start) {
    return with_brace.substr(0, start.size()) == start &&
           name.size() + 1 > start.size() - (start.back() == '}' ? 1 : 0);
  });
  const bool one_colon = std::count(name.begin(), name.end(), ':') <= 1;
  return good && known && one_colon && name.find(":.") == std::string_view::npos ? end + 2 - at : 0;
}

/// A text in quotes; what the spec's reader would take for a template is escaped.
std::string quoted_text(const std::string& text) {
  std::string out;
  std::string part;
  const auto flush = [&] {
    const auto done = quoted(part);
    out.append(done, 1, done.size() - 2);
    part.clear();
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (const auto length = text[i] == '{' ? token_length(text, i) : 0; length > 0) {
      part.append(text, i, length);
      i += length - 1;
      continue;
    }
    const auto next = i + 1 < text.size() ? text[i + 1] : ' ';
    const bool opens = text[i] == '{' && (next == '{' || next == '%' || next == '#');
    if (opens || (text[i] == '{' && i > 0 && text[i - 1] == '{')) {
      flush();
      out += "\\u007b";
    } else {
      part += text[i];
    }
  }
  flush();
  return '"' + out + '"';
}

std::string scalar_text(const value& x) {
  if (x.is_text())
    return is_plain(x.as_text()) ? x.as_text() : quoted_text(x.as_text());
  if (x.is_number() && !x.is_integer() && !std::isfinite(x.as_number()))
    return std::isnan(x.as_number()) ? ".nan" : x.as_number() < 0 ? "-.inf" : ".inf";
  return x.to_json();
}

std::string key_text(const std::string& key) {
  return scalar_text(key);
}

bool is_scalar(const value& x) {
  return !x.is_list() && !x.is_dict();
}

/// In one line; nested values too.
std::string flow_text(const value& x) {
  if (is_scalar(x))
    return scalar_text(x);
  std::string out(1, x.is_list() ? '[' : '{');
  const auto separate = [&] {
    if (out.size() > 1)
      out += ", ";
  };
  for (const auto& item : x.items()) {
    separate();
    out += flow_text(item);
  }
  for (const auto& [key, entry] : x.entries()) {
    separate();
    out += key_text(key) + ": " + flow_text(entry);
  }
  return out + (x.is_list() ? ']' : '}');
}

bool fits_in_a_line(const value& x, std::size_t indent) {
  if (x.size() == 0)
    return true;
  const auto& items = x.items();
  if (!std::all_of(items.begin(), items.end(), is_scalar) && x.is_list())
    return false;
  const auto& entries = x.entries();
  if (!std::all_of(entries.begin(), entries.end(), [](const auto& entry) { return is_scalar(entry.second); }))
    return false;
  return x.size() < 64 && flow_text(x).size() + indent < longest_line;
}

void write_block(const value& x, std::size_t indent, std::string& out);

/// What follows `key:` or `-`.
void write_after(const value& x, std::size_t indent, bool after_dash, std::string& out) {
  const bool short_dict = x.is_dict() && (x.size() == 0 || (!after_dash && x.size() < 5));
  if (is_scalar(x) || (fits_in_a_line(x, indent) && (x.is_list() || short_dict))) {
    out += ' ' + flow_text(x) + '\n';
  } else if (after_dash && x.is_dict()) {
    // The first entry stands behind the dash.
    std::string block;
    write_block(x, indent, block);
    out += ' ' + block.substr(indent);
  } else {
    out += '\n';
    write_block(x, indent, out);
  }
}

void write_block(const value& x, std::size_t indent, std::string& out) {
  const std::string space(indent, ' ');
  for (const auto& item : x.items()) {
    out += space + '-';
    write_after(item, indent + 2, true, out);
  }
  for (const auto& [key, entry] : x.entries()) {
    out += space + key_text(key) + ':';
    write_after(entry, indent + 2, false, out);
  }
}

} // namespace

std::string yaml_text(const value& x) {
  std::string out;
  write_block(x, 0, out);
  return out;
}

} // namespace muster::api
