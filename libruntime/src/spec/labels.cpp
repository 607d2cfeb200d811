#include "muster/spec/labels.hpp"

#include "muster/base/utf8.hpp"

#include <algorithm>

namespace muster::spec {

namespace {

constexpr std::size_t longest_selector = 4096;
constexpr std::size_t most_patterns = 32;

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_label_name(std::string_view text) {
  return !text.empty() && text.size() <= 63 && is_word(text.front()) && is_word(text.back()) &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_word(c) || c == '-' || c == '_' || c == '.'; });
}

bool is_dns_label(std::string_view text) {
  const auto good = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !text.empty() && text.size() <= 63 && good(text.front()) && good(text.back()) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return good(c) || c == '-'; });
}

bool is_dns_prefix(std::string_view text) {
  if (text.size() > 253)
    return false;
  while (true) {
    const auto dot = text.find('.');
    if (!is_dns_label(text.substr(0, dot)))
      return false;
    if (dot == std::string_view::npos)
      return true;
    text.remove_prefix(dot + 1);
  }
}

std::string quoted(std::string_view text) {
  return "'" + std::string{text.substr(0, 80)} + "'";
}

error wrong(std::string message) {
  return {ec::invalid_argument, std::move(message)};
}

/// The alternatives of `(a|b)`, whose opening parenthesis is at `at`; moves `at` behind it.
result<std::vector<std::string>> take_alternatives(std::string_view value, std::size_t& at) {
  const auto end = value.find(')', at + 1);
  if (end == std::string_view::npos)
    return wrong("alternatives of a label selector need the form (a|b)");
  auto inside = value.substr(at + 1, end - at - 1);
  if (inside.find('(') != std::string_view::npos)
    return wrong("alternatives of a label selector cannot be nested");
  std::vector<std::string> out;
  while (true) {
    const auto bar = inside.find('|');
    out.emplace_back(inside.substr(0, bar));
    if (bar == std::string_view::npos)
      break;
    inside.remove_prefix(bar + 1);
  }
  const bool empty = std::any_of(out.begin(), out.end(), [](const std::string& x) { return x.empty(); });
  if (out.size() < 2 || empty)
    return wrong("alternatives of a label selector need at least two values that are not empty");
  at = end + 1;
  return out;
}

/// Value text as a row of segments, each with its alternatives.
result<std::vector<std::vector<std::string>>> split_segments(std::string_view value) {
  std::vector<std::vector<std::string>> segments;
  std::size_t at = 0;
  std::size_t patterns = 1;
  while (at < value.size()) {
    if (value[at] == '(') {
      auto alternatives = take_alternatives(value, at);
      if (!alternatives)
        return alternatives.failure();
      patterns = std::min(patterns * alternatives->size(), most_patterns + 1);
      segments.push_back(*std::move(alternatives));
      continue;
    }
    const auto end = std::min(value.find_first_of("(|)", at), value.size());
    if (end == at)
      return wrong("alternatives of a label selector need the form (a|b)");
    segments.push_back({std::string{value.substr(at, end - at)}});
    at = end;
  }
  if (patterns > most_patterns)
    return wrong("the label selector stands for more than 32 patterns");
  return segments;
}

std::string collapse_stars(const std::string& text) {
  std::string out;
  for (const char c : text)
    if (c != '*' || out.empty() || out.back() != '*')
      out += c;
  return out;
}

bool glob_matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

} // namespace

result<void> check_label_key(std::string_view key) {
  const auto slash = key.find('/');
  auto name = key;
  if (slash != std::string_view::npos) {
    name = key.substr(slash + 1);
    if (name.find('/') != std::string_view::npos)
      return wrong("label key " + quoted(key) + " has more than one '/', write [prefix/]name");
    if (!is_dns_prefix(key.substr(0, slash)))
      return wrong("label key " + quoted(key) + " has a prefix that is no DNS name in lower case");
  }
  if (!is_label_name(name))
    return wrong("label key " + quoted(key) +
                 " needs a name of 1 to 63 letters, digits, '-', '_' or '.', with a letter or digit at both ends");
  return {};
}

result<void> check_label_value(std::string_view value) {
  if (!is_label_name(value))
    return wrong("label value " + quoted(value) +
                 " must be 1 to 63 letters, digits, '-', '_' or '.', with a letter or digit at both ends");
  return {};
}

bool label_selector::matches(std::string_view value) const {
  return std::any_of(values.begin(), values.end(), [&](const std::string& x) { return glob_matches(x, value); });
}

result<label_selector> parse_label_selector(std::string_view text) {
  if (!is_utf8(text))
    return wrong("the label selector is not UTF-8");
  if (text.size() > longest_selector)
    return wrong("the label selector is longer than 4096 bytes");
  const auto equals = text.find('=');
  if (equals == std::string_view::npos)
    return wrong("label selector " + quoted(text) + " needs the form key=value");
  label_selector out;
  out.key = text.substr(0, equals);
  if (auto good = check_label_key(out.key); !good)
    return good.failure();
  auto segments = split_segments(text.substr(equals + 1));
  if (!segments)
    return segments.failure();
  std::vector<std::string> patterns{std::string{}};
  for (const auto& alternatives : *segments) {
    std::vector<std::string> longer;
    for (const auto& start : patterns)
      for (const auto& x : alternatives)
        longer.push_back(start + x);
    patterns = std::move(longer);
  }
  for (const auto& raw : patterns) {
    auto pattern = collapse_stars(raw);
    if (std::find(out.values.begin(), out.values.end(), pattern) != out.values.end())
      continue;
    auto probe = pattern;
    std::replace(probe.begin(), probe.end(), '*', 'a');
    if (auto good = check_label_value(probe); !good)
      return wrong("label value " + quoted(pattern) + " is none that a label can have");
    out.values.push_back(std::move(pattern));
  }
  return out;
}

} // namespace muster::spec
