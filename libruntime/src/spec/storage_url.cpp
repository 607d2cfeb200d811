#include "muster/spec/storage_url.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace muster::spec {

namespace {

struct scheme_rule {
  std::string_view name;
  std::size_t components; ///< At least so many, the host included.
};

constexpr std::array<scheme_rule, 5> schemes = {{{"swift", 3}, {"s3", 1}, {"gs", 1}, {"tos", 2}, {"azure", 2}}};

const scheme_rule* find_scheme(std::string_view name) {
  const auto* const found =
      std::find_if(schemes.begin(), schemes.end(), [&](const scheme_rule& x) { return x.name == name; });
  return found == schemes.end() ? nullptr : found;
}

/// `component(/component)*/*` with at least `least` components.
bool good_components(std::string_view text, std::size_t least) {
  while (!text.empty() && text.back() == '/')
    text.remove_suffix(1);
  std::size_t count = 0;
  while (true) {
    const auto slash = text.find('/');
    const auto part = text.substr(0, slash);
    if (part.empty() || part.find_first_of(",;*") != std::string_view::npos)
      return false;
    ++count;
    if (slash == std::string_view::npos)
      return count >= least;
    text.remove_prefix(slash + 1);
  }
}

/// The scheme as Python's urlparse sees it: what is before the first colon, in lower case, when it has the right
/// characters.
std::string scheme_of(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0)
    return {};
  std::string out;
  for (const char c : text.substr(0, colon)) {
    const bool upper = c >= 'A' && c <= 'Z';
    const bool letter = upper || (c >= 'a' && c <= 'z');
    const bool other = (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
    if (!letter && (!other || out.empty()))
      return {};
    out += upper ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return out;
}

std::string collapse_slashes(std::string_view text) {
  std::string out;
  for (const char c : text)
    if (c != '/' || out.empty() || out.back() != '/')
      out += c;
  return out;
}

/// `text` up to the first `/`, which is cut off with it.
std::string take_part(std::string_view& text) {
  const auto slash = text.find('/');
  std::string out{text.substr(0, slash)};
  text = slash == std::string_view::npos ? std::string_view{} : text.substr(slash + 1);
  return out;
}

/// Brackets in a host hold an IPv6 address, or are not there.
bool good_brackets(std::string_view host) {
  const auto open = host.find('[');
  const auto close = host.find(']');
  if (open == std::string_view::npos && close == std::string_view::npos)
    return true;
  if (open == std::string_view::npos || close == std::string_view::npos || close < open)
    return false;
  const auto address = host.substr(open + 1, close - open - 1);
  return address.find_first_not_of("0123456789abcdefABCDEF:.") == std::string_view::npos &&
         std::count(address.begin(), address.end(), ':') >= 2 && (open == 0 || host[open - 1] == '@') &&
         (close + 1 == host.size() || host[close + 1] == ':');
}

int hex_value(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

error wrong(std::string message) {
  return {ec::invalid_argument, std::move(message)};
}

} // namespace

bool is_storage_url(std::string_view text) {
  const auto colon = text.find("://");
  if (colon == std::string_view::npos)
    return false;
  const auto* const rule = find_scheme(text.substr(0, colon));
  return rule != nullptr && good_components(text.substr(colon + 3), rule->components);
}

result<storage_url> parse_storage_url(std::string_view text) {
  const auto shown = "'" + std::string{text.substr(0, 200)} + "'";
  storage_url out;
  out.scheme = scheme_of(text);
  const auto* const rule = find_scheme(out.scheme);
  if (rule == nullptr) {
    if (out.scheme.empty())
      return wrong(shown + " has no scheme, storage URLs start with s3://, gs://, swift://, tos:// or azure://");
    return wrong(shown + " has the scheme '" + out.scheme + "', storage has s3, gs, swift, tos and azure");
  }
  if (!is_storage_url(text))
    return wrong(shown + " is no " + out.scheme + " URL: " + std::to_string(rule->components) +
                 (rule->components == 1 ? " part" : " parts") + " at least after " + out.scheme +
                 "://, none empty and none with ',', ';' or '*'");
  out.uri = text;
  // Python's urlparse drops these wherever they stand.
  std::string body{text};
  body.erase(std::remove_if(body.begin(), body.end(), [](char c) { return c == '\n' || c == '\r' || c == '\t'; }),
             body.end());
  // Query and fragment are not part of the path.
  auto rest = std::string_view{body}.substr(out.scheme.size() + 3);
  rest = rest.substr(0, rest.find_first_of("?#"));
  const auto netloc = std::string{rest.substr(0, rest.find('/'))};
  if (!good_brackets(netloc))
    return wrong(shown + " has brackets in its host that hold no IPv6 address");
  const auto normal =
      collapse_slashes(rest.size() > netloc.size() ? rest.substr(netloc.size() + 1) : std::string_view{});
  std::string_view path = normal;
  while (!path.empty() && path.front() == '/')
    path.remove_prefix(1);
  const auto slashes = std::count(normal.begin(), normal.end(), '/') + (rest.size() > netloc.size() ? 1 : 0);
  const auto fewest = out.scheme == "swift" ? 2 : out.scheme == "tos" || out.scheme == "azure" ? 1 : 0;
  if (slashes < fewest)
    return wrong(shown + " names no container before its query or fragment");
  const auto root = out.scheme + "://" + netloc;
  if (out.scheme == "s3" || out.scheme == "gs") {
    out.container = netloc;
    out.profile = root;
  } else if (out.scheme == "swift") {
    out.profile = root + "/" + take_part(path);
    out.container = take_part(path);
  } else {
    out.container = take_part(path);
    out.profile = out.scheme == "tos" ? root + "/" + out.container : root;
  }
  out.path = path;
  out.environment_auth = out.scheme == "s3" || out.scheme == "azure";
  return out;
}

bool is_file_url(std::string_view text) {
  return scheme_of(text) == "file";
}

result<std::string> parse_file_url(std::string_view text) {
  const auto shown = "'" + std::string{text.substr(0, 200)} + "'";
  constexpr std::string_view start = "file://";
  auto rest = text.substr(std::min(text.size(), start.size()));
  if (text.substr(0, start.size()) != start)
    return wrong(shown + " is no file URL, write file:///absolute/path");
  constexpr std::string_view local = "localhost/";
  if (rest.substr(0, local.size()) == local)
    rest.remove_prefix(local.size() - 1);
  if (rest.empty() || rest.front() != '/')
    return wrong(shown + " names a host or a relative path, write file:///absolute/path");
  std::string path;
  for (std::size_t i = 0; i < rest.size(); ++i) {
    const int high = rest[i] == '%' && i + 2 < rest.size() ? hex_value(rest[i + 1]) : -1;
    const int low = high >= 0 ? hex_value(rest[i + 2]) : -1;
    if (low >= 0) {
      path += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      path += rest[i];
    }
  }
  if (path.find('\0') != std::string::npos)
    return wrong(shown + " holds a NUL byte");
  for (std::size_t at = 0; at < path.size();) {
    const auto end = std::min(path.find('/', at), path.size());
    if (path.compare(at, end - at, "..") == 0)
      return wrong(shown + " goes up by '..', write the path without it");
    at = end + 1;
  }
  return path;
}

} // namespace muster::spec
