#include "muster/spec/image.hpp"

#include <algorithm>

namespace muster::spec {

namespace {

bool is_lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool is_word(char c) {
  return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z');
}

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

template <class Accept>
bool all(std::string_view text, Accept accept) {
  return !text.empty() && std::all_of(text.begin(), text.end(), accept);
}

/// Letters and digits of either case, dashes inside.
bool is_host_part(std::string_view text) {
  return all(text, [](char c) { return is_word(c) || c == '-'; }) && is_word(text.front()) && is_word(text.back());
}

bool is_host(std::string_view text, bool has_port) {
  if (text == "localhost")
    return true;
  if (text.find('.') == std::string_view::npos)
    return has_port && is_host_part(text);
  while (true) {
    const auto dot = text.find('.');
    if (!is_host_part(text.substr(0, dot)))
      return false;
    if (dot == std::string_view::npos)
      return true;
    text.remove_prefix(dot + 1);
  }
}

bool is_port(std::string_view text) {
  return text.size() <= 5 && all(text, [](char c) { return c >= '0' && c <= '9'; });
}

bool is_name(std::string_view text) {
  while (true) {
    const auto slash = text.find('/');
    const auto part = text.substr(0, slash);
    const bool good = all(part, [](char c) { return is_lower_or_digit(c) || c == '_' || c == '.' || c == '-'; }) &&
                      is_lower_or_digit(part.front()) && is_lower_or_digit(part.back());
    if (!good)
      return false;
    if (slash == std::string_view::npos)
      return true;
    text.remove_prefix(slash + 1);
  }
}

bool is_tag(std::string_view text) {
  return all(text, [](char c) { return is_word(c) || c == '_' || c == '.' || c == '-'; }) &&
         (is_word(text.front()) || text.front() == '_');
}

bool is_digest(std::string_view text) {
  const auto colon = text.find(':');
  return colon != std::string_view::npos &&
         all(text.substr(0, colon),
             [](char c) { return is_word(c) || c == '_' || c == '+' || c == '.' || c == '-'; }) &&
         all(text.substr(colon + 1), is_hex);
}

/// `name[:tag][@digest]`; fills `out` on success.
bool take_rest(std::string_view text, image_reference& out) {
  out.tag.reset();
  out.digest.reset();
  const auto at = text.find('@');
  if (at != std::string_view::npos) {
    if (!is_digest(text.substr(at + 1)))
      return false;
    out.digest = text.substr(at + 1);
    text = text.substr(0, at);
  }
  const auto colon = text.find(':');
  if (colon != std::string_view::npos) {
    if (!is_tag(text.substr(colon + 1)))
      return false;
    out.tag = text.substr(colon + 1);
    text = text.substr(0, colon);
  }
  out.name = text;
  return is_name(text);
}

} // namespace

std::string image_reference::manifest_url() const {
  return "https://" + host + ":" + std::to_string(port) + "/v2/" + name + "/manifests/" +
         (digest ? *digest : tag.value_or("latest"));
}

result<image_reference> parse_image(std::string_view text) {
  image_reference out;
  bool found = false;
  const auto slash = text.find('/');
  if (slash != std::string_view::npos) {
    const auto first = text.substr(0, slash);
    const auto colon = first.find(':');
    const bool has_port = colon != std::string_view::npos;
    if (is_host(first.substr(0, colon), has_port) && (!has_port || is_port(first.substr(colon + 1))) &&
        take_rest(text.substr(slash + 1), out)) {
      found = true;
      out.host = first.substr(0, colon);
      if (out.host == "docker.io")
        out.host = "registry-1.docker.io";
      if (has_port)
        out.port = std::stoi(std::string{first.substr(colon + 1)});
    }
  }
  if (!found) {
    if (!take_rest(text, out))
      return {ec::invalid_argument,
              "'" + std::string{text.substr(0, 80)} +
                  "' is no image, write [host[:port]/]name[:tag][@digest] with the name in lower case"};
    if (out.name.find('/') == std::string::npos)
      out.name = "library/" + out.name;
  }
  if (!out.tag && !out.digest)
    out.tag = "latest";
  return out;
}

} // namespace muster::spec
