#include "support/fake_engine_http.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>

namespace muster::test::engine_model {

namespace {

std::string decoded(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (text[i] == '%' && i + 2 < text.size()) {
      out += static_cast<char>(std::strtol(text.substr(i + 1, 2).c_str(), nullptr, 16));
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  return out;
}

void parse_target(const std::string& target, engine_call& call, std::string& version) {
  const auto mark = target.find('?');
  call.path = target.substr(0, mark);
  if (call.path.rfind("/v1.", 0) == 0) {
    const auto end = std::min(call.path.find('/', 1), call.path.size());
    version = call.path.substr(2, end - 2);
    call.path.erase(0, end);
  }
  call.path = decoded(call.path);
  for (auto at = mark; at < target.size();) {
    const auto end = std::min(target.find('&', at + 1), target.size());
    const auto item = target.substr(at + 1, end - at - 1);
    const auto equals = item.find('=');
    call.query[decoded(item.substr(0, equals))] =
        equals == std::string::npos ? std::string{} : decoded(item.substr(equals + 1));
    at = end;
  }
}

} // namespace

bool parse_head(const std::string& head, engine_call& call, std::string& version) {
  const auto line = head.substr(0, head.find("\r\n"));
  const auto first = line.find(' ');
  const auto second = line.rfind(' ');
  if (first == std::string::npos || second == first)
    return false;
  call.method = line.substr(0, first);
  parse_target(line.substr(first + 1, second - first - 1), call, version);
  for (auto at = line.size() + 2; at < head.size();) {
    const auto end = std::min(head.find("\r\n", at), head.size());
    const auto item = head.substr(at, end - at);
    if (const auto colon = item.find(':'); colon != std::string::npos) {
      auto name = item.substr(0, colon);
      std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
      const auto begin = item.find_first_not_of(' ', colon + 1);
      call.headers[name] = begin == std::string::npos ? std::string{} : item.substr(begin);
    }
    at = end + 2;
  }
  return true;
}

bool take_body(std::string& in, std::size_t head, engine_call& call) {
  if (call.headers.count("transfer-encoding") == 0) {
    const auto found = call.headers.find("content-length");
    const auto size = found == call.headers.end() ? 0 : std::strtoul(found->second.c_str(), nullptr, 10);
    if (in.size() < head + size)
      return false;
    call.body = in.substr(head, size);
    in.erase(0, head + size);
    return true;
  }
  std::string body;
  for (auto at = head;;) {
    const auto end = in.find("\r\n", at);
    const auto size = end == std::string::npos ? 0 : std::strtoul(in.c_str() + at, nullptr, 16);
    if (end == std::string::npos || in.size() < end + 2 + size + 2)
      return false;
    body += in.substr(end + 2, size);
    at = end + 2 + size + 2;
    if (size == 0) {
      call.body = std::move(body);
      in.erase(0, at);
      return true;
    }
  }
}

std::string head_of(int status, const std::string& type, const std::string& framing, const std::string& version) {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\nApi-Version: " + version +
         "\r\nServer: Docker/20.10.24 (linux)\r\n" + (type.empty() ? std::string{} : "Content-Type: " + type + "\r\n") +
         framing + "\r\n";
}

std::string whole(const reply& what, const std::string& version, std::size_t more) {
  if (what.status == 204 || what.status == 304)
    return head_of(what.status, {}, {}, version);
  return head_of(what.status, what.type, "Content-Length: " + std::to_string(what.body.size() + more) + "\r\n",
                 version) +
         what.body;
}

std::string chunk(const std::string& bytes) {
  std::array<char, 20> size{};
  std::snprintf(size.data(), size.size(), "%zx\r\n", bytes.size());
  return bytes.empty() ? std::string{} : size.data() + bytes + "\r\n";
}

} // namespace muster::test::engine_model
