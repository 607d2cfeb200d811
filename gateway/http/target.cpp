#include "gateway/http/target.hpp"

#include <cctype>

namespace muster::http {
namespace {

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return -1;
}

bool is_visible(std::string_view text) noexcept {
  for (const char c : text)
    if (c <= ' ' || c > '~')
      return false;
  return true;
}

bool starts_with_scheme(std::string_view text, std::string_view scheme) noexcept {
  if (text.size() < scheme.size())
    return false;
  for (std::size_t i = 0; i < scheme.size(); ++i)
    if (std::tolower(static_cast<unsigned char>(text[i])) != scheme[i])
      return false;
  return true;
}

/// Moves scheme and authority of an absolute form from `text` into `into`.
result<void> take_authority(std::string_view& text, target& into) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!starts_with_scheme(text, scheme))
      continue;
    text.remove_prefix(scheme.size());
    const auto end = std::min(text.find_first_of("/?"), text.size());
    into.authority = text.substr(0, end);
    text.remove_prefix(end);
    if (into.authority.empty() || into.authority.find('@') != std::string::npos)
      return {ec::invalid_argument, "the URL of the request names no host, or a user"};
    return {};
  }
  return {ec::invalid_argument, "the request's target is neither a path that begins with / nor an http URL"};
}

result<void> split_path(std::string_view raw, target& into) {
  into.path = "/";
  if (raw.empty() || raw == "/")
    return {};
  raw.remove_prefix(1);
  for (bool last = false; !last;) {
    const auto slash = raw.find('/');
    last = slash == std::string_view::npos;
    auto part = percent_decode(raw.substr(0, slash));
    if (!part)
      return part.failure();
    if (part->empty())
      return {ec::invalid_argument, "the path has an empty segment: leave out a / that is doubled or at its end"};
    if (*part == "." || *part == "..")
      return {ec::invalid_argument, "the path has a segment . or .., which no resource here has"};
    into.path += (into.parts.empty() ? "" : "/") + *part;
    into.parts.push_back(*std::move(part));
    if (!last)
      raw.remove_prefix(slash + 1);
  }
  return {};
}

result<std::string> decode_query(std::string_view text) {
  std::string plus(text);
  for (char& c : plus)
    if (c == '+')
      c = ' ';
  return percent_decode(plus);
}

result<void> split_query(std::string_view raw, target& into) {
  while (!raw.empty()) {
    const auto end = std::min(raw.find('&'), raw.size());
    const auto pair = raw.substr(0, end);
    raw.remove_prefix(std::min(end + 1, raw.size()));
    if (pair.empty())
      continue;
    const auto equals = std::min(pair.find('='), pair.size());
    auto name = decode_query(pair.substr(0, equals));
    auto value = decode_query(pair.substr(std::min(equals + 1, pair.size())));
    if (!name || !value)
      return name ? value.failure() : name.failure();
    into.query.emplace_back(*std::move(name), *std::move(value));
  }
  return {};
}

} // namespace

result<target> parse_target(std::string_view text) {
  target x;
  if (text == "*") {
    x.path = "*";
    return x;
  }
  if (!is_visible(text) || text.find('#') != std::string_view::npos)
    return {ec::invalid_argument, "the request's target has a character that must be percent-encoded"};
  if (text.empty() || text.front() != '/')
    if (auto taken = take_authority(text, x); !taken)
      return taken.failure();
  const auto question = std::min(text.find('?'), text.size());
  if (auto split = split_path(text.substr(0, question), x); !split)
    return split.failure();
  if (question < text.size())
    if (auto split = split_query(text.substr(question + 1), x); !split)
      return split.failure();
  return x;
}

result<std::string> percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0)
      return {ec::invalid_argument, "a % in the request's target is not followed by two hex digits"};
    if (high == 0 && low == 0)
      return {ec::invalid_argument, "the request's target has an escaped NUL"};
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

} // namespace muster::http
