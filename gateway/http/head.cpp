#include "gateway/http/head.hpp"

#include "muster/base/text.hpp"

#include <cctype>
#include <cstdint>
#include <string>

namespace muster::http {
namespace {

constexpr std::size_t header_count_limit = 100;

bool is_token_char(char c) noexcept {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_token(std::string_view text) noexcept {
  for (const char c : text)
    if ((static_cast<unsigned char>(c) & 0x80U) != 0 || !is_token_char(c))
      return false;
  return !text.empty();
}

bool same(std::string_view a, std::string_view b) noexcept {
  return !header_less{}(a, b) && !header_less{}(b, a);
}

std::optional<refusal> bad(std::string detail) {
  return refusal{400, "bad_request", std::move(detail)};
}

/// What the headers say about the length of the body.
struct framing {
  std::size_t hosts = 0;
  std::size_t lengths = 0;
  std::size_t codings = 0;
};

std::optional<refusal> check_request_line(std::string_view line, std::size_t target_limit, bool& is_1_0) {
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last)
    return bad("the request line is not METHOD TARGET HTTP/1.1");
  const auto method = line.substr(0, first);
  const auto target = line.substr(first + 1, last - first - 1);
  const auto version = line.substr(last + 1);
  if (!is_token(method) || method.size() > 32)
    return bad("the request's method is no method");
  if (target.empty() || target.find(' ') != std::string_view::npos)
    return bad("the request's target is empty or has a space");
  if (target.size() > target_limit)
    return refusal{414, "target_too_long",
                   "the request's target has " + std::to_string(target.size()) + " bytes; at most " +
                       std::to_string(target_limit) + " are possible"};
  if (version.size() != 8 || version.substr(0, 5) != "HTTP/")
    return bad("the request line does not end with HTTP/1.1");
  if (version != "HTTP/1.1" && version != "HTTP/1.0")
    return refusal{505, "http_version", "only HTTP/1.1 is spoken here"};
  is_1_0 = version == "HTTP/1.0";
  return std::nullopt;
}

bool is_host(std::string_view text) noexcept {
  for (const char c : text)
    if ((static_cast<unsigned char>(c) & 0x80U) != 0 || (std::isalnum(static_cast<unsigned char>(c)) == 0 &&
                                                         std::string_view(".-_:[]%").find(c) == std::string_view::npos))
      return false;
  return true;
}

std::optional<refusal> check_length(std::string_view value) {
  if (value.empty() || value.size() > 18)
    return bad("Content-Length is no number that a body can have");
  for (const char c : value)
    if (c < '0' || c > '9')
      return bad("Content-Length is not a decimal number");
  return std::nullopt;
}

std::optional<refusal> check_field(std::string_view line, framing& seen) {
  if (line.front() == ' ' || line.front() == '\t')
    return bad("a header is folded over two lines, which HTTP/1.1 gave up");
  const auto colon = line.find(':');
  if (colon == std::string_view::npos)
    return bad("a header has no colon");
  const auto name = line.substr(0, colon);
  const auto value = trimmed(line.substr(colon + 1));
  if (!is_token(name))
    return bad("the name of a header has a character that none may have, such as a space before its colon");
  if (same(name, "Host")) {
    ++seen.hosts;
    if (!is_host(value))
      return bad("the Host header is no host");
  } else if (same(name, "Content-Length")) {
    ++seen.lengths;
    return check_length(value);
  } else if (same(name, "Transfer-Encoding")) {
    ++seen.codings;
    if (!same(value, "chunked"))
      return refusal{501, "not_implemented", "of the transfer codings only chunked is known here, and alone"};
  }
  return std::nullopt;
}

std::optional<refusal> check_framing(const framing& seen, bool is_1_0) {
  if (seen.hosts > 1 || (seen.hosts == 0 && !is_1_0))
    return bad("a request has exactly one Host header");
  if (seen.lengths > 1)
    return bad("Content-Length is there twice");
  if (seen.codings > 1)
    return bad("Transfer-Encoding is there twice");
  if (seen.lengths != 0 && seen.codings != 0)
    return bad("a request has Content-Length or Transfer-Encoding, not both");
  if (seen.codings != 0 && is_1_0)
    return bad("HTTP/1.0 has no Transfer-Encoding");
  return std::nullopt;
}

} // namespace

std::optional<std::size_t> head_scanner::scan(std::string_view bytes) {
  for (; at_ < bytes.size(); ++at_) {
    const auto byte = static_cast<unsigned char>(bytes[at_]);
    if (byte == '\n') {
      if (at_ == 0 || bytes[at_ - 1] != '\r') {
        problem_ = bad("a line ends with LF alone instead of CR LF");
        return std::nullopt;
      }
      if (at_ >= 3 && bytes[at_ - 2] == '\n')
        return at_ + 1;
    } else if (at_ > 0 && bytes[at_ - 1] == '\r') {
      problem_ = bad("a CR is not followed by LF");
      return std::nullopt;
    } else if ((byte < 0x20 && byte != '\t' && byte != '\r') || byte == 0x7f) {
      problem_ = bad("the request has a control character; is it plain HTTP?");
      return std::nullopt;
    }
  }
  return std::nullopt;
}

std::optional<refusal> check_head(std::string_view head, std::size_t target_limit) {
  bool is_1_0 = false;
  framing seen;
  for (std::size_t line_number = 0; !head.empty(); ++line_number) {
    const auto end = head.find("\r\n");
    if (end == std::string_view::npos)
      return bad("the head of the request does not end");
    const auto line = head.substr(0, end);
    head.remove_prefix(end + 2);
    if (line.empty()) {
      if (line_number == 0 || !head.empty())
        return bad("the head of the request has an empty line");
      return check_framing(seen, is_1_0);
    }
    if (line_number > header_count_limit)
      return refusal{431, "header_too_large",
                     "the request has more than " + std::to_string(header_count_limit) + " headers"};
    if (auto problem = line_number == 0 ? check_request_line(line, target_limit, is_1_0) : check_field(line, seen))
      return problem;
  }
  return bad("the head of the request does not end");
}

} // namespace muster::http
