#include "executors/docker/engine/image_reference.hpp"

#include <algorithm>
#include <cctype>

namespace muster::docker {

// The grammar: github.com/distribution/reference, `reference.go` and `normalize.go`.
namespace {

constexpr std::string_view hub = "docker.io";
constexpr std::size_t longest_name = 255;
constexpr std::size_t longest_tag = 128;

bool is_lower(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool is_word(char c) {
  return is_lower(c) || (c >= 'A' && c <= 'Z') || c == '_';
}

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/// Runs of letters and digits, between them one dot, one or two underscores, or dashes.
bool is_component(std::string_view text) {
  if (text.empty() || !is_lower(text.front()) || !is_lower(text.back()))
    return false;
  while (!text.empty()) {
    const auto word = std::find_if_not(text.begin(), text.end(), is_lower);
    text.remove_prefix(static_cast<std::size_t>(word - text.begin()));
    if (text.empty())
      return true;
    const auto next = std::find_if(text.begin(), text.end(), is_lower);
    const auto between = text.substr(0, static_cast<std::size_t>(next - text.begin()));
    if (between != "." && between != "_" && between != "__" && between.find_first_not_of('-') != std::string_view::npos)
      return false;
    text.remove_prefix(between.size());
  }
  return true;
}

bool is_path(std::string_view text) {
  while (true) {
    const auto slash = text.find('/');
    if (!is_component(text.substr(0, slash)))
      return false;
    if (slash == std::string_view::npos)
      return true;
    text.remove_prefix(slash + 1);
  }
}

bool is_registry(std::string_view text) {
  std::string_view port;
  if (const auto colon = text.rfind(':'); colon != std::string_view::npos && text.back() != ']') {
    port = text.substr(colon + 1);
    text = text.substr(0, colon);
    if (port.empty() || port.find_first_not_of("0123456789") != std::string_view::npos)
      return false;
  }
  if (text.size() > 2 && text.front() == '[' && text.back() == ']')
    return text.substr(1, text.size() - 2).find_first_not_of("0123456789abcdefABCDEF:") == std::string_view::npos;
  if (text.empty() || text.front() == '-' || text.front() == '.' || text.back() == '-' || text.back() == '.')
    return false;
  return text.find("..") == std::string_view::npos &&
         std::all_of(text.begin(), text.end(), [](char c) { return (is_word(c) && c != '_') || c == '.' || c == '-'; });
}

bool is_tag(std::string_view text) {
  return !text.empty() && text.size() <= longest_tag && is_word(text.front()) &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_word(c) || c == '.' || c == '-'; });
}

bool is_digest(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0)
    return false;
  const auto algorithm = text.substr(0, colon);
  const auto hex = text.substr(colon + 1);
  if (!std::all_of(algorithm.begin(), algorithm.end(),
                   [](char c) { return is_lower(c) || c == '+' || c == '.' || c == '-' || c == '_'; }))
    return false;
  const bool known = (algorithm != "sha256" || hex.size() == 64) && (algorithm != "sha512" || hex.size() == 128);
  return known && hex.size() >= 32 && hex.size() <= 256 && std::all_of(hex.begin(), hex.end(), is_hex);
}

/// Whether what is before the first slash is a registry and not a user of Docker Hub.
bool looks_like_registry(std::string_view text) {
  return text == "localhost" || text.find_first_of(".:") != std::string_view::npos ||
         std::any_of(text.begin(), text.end(), [](unsigned char c) { return std::isupper(c) != 0; });
}

error bad_name(std::string_view text, const std::string& why) {
  return {ec::invalid_argument, "'" + std::string(text.substr(0, 300)) + "' is no name of an image: " + why};
}

/// Takes `@digest` and `:tag` off the end.
result<std::string_view> take_version(std::string_view text, image_reference& to) {
  auto name = text;
  if (const auto at = name.find('@'); at != std::string_view::npos) {
    to.digest = name.substr(at + 1);
    name = name.substr(0, at);
    if (!is_digest(to.digest))
      return bad_name(text, "after '@' there must be a digest such as sha256:<64 digits>");
  }
  const auto colon = name.rfind(':');
  const auto slash = name.rfind('/');
  if (colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash)) {
    to.tag = name.substr(colon + 1);
    name = name.substr(0, colon);
    if (!is_tag(to.tag))
      return bad_name(text,
                      "its tag must be letters, digits, '_', '.' and '-', at most 128, not beginning with '.' or '-'");
  }
  if (to.tag.empty() && to.digest.empty())
    to.tag = "latest";
  return name;
}

} // namespace

std::string image_reference::familiar_name() const {
  constexpr std::string_view official = "library/";
  if (registry != hub)
    return registry + "/" + repository;
  const auto is_official = repository.compare(0, official.size(), official) == 0 &&
                           repository.find('/', official.size()) == std::string::npos;
  return is_official ? repository.substr(official.size()) : repository;
}

std::string image_reference::familiar() const {
  auto text = familiar_name();
  if (!tag.empty())
    text += ":" + tag;
  if (!digest.empty())
    text += "@" + digest;
  return text;
}

result<image_reference> parse_image_reference(std::string_view text) {
  image_reference out;
  const auto name = take_version(text, out);
  if (!name)
    return name.failure();
  const auto slash = name->find('/');
  const bool has_registry = slash != std::string_view::npos && looks_like_registry(name->substr(0, slash));
  out.registry = has_registry ? name->substr(0, slash) : hub;
  out.repository = has_registry ? name->substr(slash + 1) : *name;
  if (out.registry == "index.docker.io")
    out.registry = hub;
  if (!is_registry(out.registry))
    return bad_name(text, "'" + out.registry + "' is no registry");
  if (!is_path(out.repository))
    return bad_name(text, "it must be lower-case letters and digits, with '.', '_', '-' and '/' between them");
  if (out.registry == hub && slash == std::string_view::npos && out.repository.size() == 64 &&
      std::all_of(out.repository.begin(), out.repository.end(), is_hex))
    return bad_name(text, "64 hexadecimal digits are an id, which no registry knows");
  if (out.registry == hub && out.repository.find('/') == std::string::npos)
    out.repository.insert(0, "library/");
  if (out.registry.size() + 1 + out.repository.size() > longest_name)
    return bad_name(text, "it is longer than 255 characters");
  return out;
}

} // namespace muster::docker
