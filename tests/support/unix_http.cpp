#include "support/unix_http.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace muster::test {

namespace {

using clock = std::chrono::steady_clock;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

/// `Name: value` into the headers.
void add_header(const std::string& line, std::map<std::string, std::string>& headers) {
  const auto colon = line.find(':');
  if (colon == std::string::npos)
    return;
  const auto begin = line.find_first_not_of(' ', colon + 1);
  headers[lower(line.substr(0, colon))] = begin == std::string::npos ? std::string{} : line.substr(begin);
}

} // namespace

unix_http::unix_http(const std::filesystem::path& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket.native().size() >= sizeof(address.sun_path))
    return;
  std::memcpy(address.sun_path, socket.c_str(), socket.native().size() + 1);
  socket_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    ::close(socket_);
    socket_ = -1;
  }
}

unix_http::~unix_http() {
  if (socket_ >= 0)
    ::close(socket_);
}

bool unix_http::send_raw(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0)
      return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool unix_http::send(const std::string& method, const std::string& target, const std::string& body) {
  auto request = method + ' ' + target + " HTTP/1.1\r\nHost: docker\r\n";
  if (!body.empty())
    request += "Content-Type: application/json\r\n";
  if (!body.empty() || method == "POST" || method == "PUT")
    request += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  return send_raw(request + "\r\n" + body);
}

http_answer unix_http::call(const std::string& method, const std::string& target, const std::string& body,
                            std::chrono::milliseconds deadline) {
  // It may have answered and closed before it read all of the request.
  static_cast<void>(send(method, target, body));
  return receive(deadline);
}

bool unix_http::read_some(time_point until) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - clock::now()).count();
  pollfd watched{socket_, POLLIN, 0};
  if (socket_ < 0 || left <= 0 || ::poll(&watched, 1, static_cast<int>(left)) <= 0)
    return false;
  std::array<char, 65536> buffer{};
  const auto got = ::recv(socket_, buffer.data(), buffer.size(), 0);
  if (got <= 0)
    return false;
  unread_.append(buffer.data(), static_cast<std::size_t>(got));
  return true;
}

bool unix_http::read_to(std::size_t size, time_point until) {
  while (unread_.size() < size)
    if (!read_some(until))
      return false;
  return true;
}

bool unix_http::read_line(std::string& line, time_point until) {
  std::size_t end = 0;
  while ((end = unread_.find("\r\n")) == std::string::npos)
    if (!read_some(until))
      return false;
  line = unread_.substr(0, end);
  unread_.erase(0, end + 2);
  return true;
}

bool unix_http::read_chunks(std::string& body, time_point until) {
  for (std::string line; read_line(line, until);) {
    const auto size = std::strtoul(line.c_str(), nullptr, 16);
    const bool whole = read_to(size + 2, until);
    body += unread_.substr(0, std::min<std::size_t>(size, unread_.size()));
    if (!whole)
      return false;
    unread_.erase(0, size + 2);
    if (size == 0)
      return true;
  }
  return false;
}

http_answer unix_http::receive(std::chrono::milliseconds deadline) {
  const auto until = clock::now() + deadline;
  http_answer answer;
  std::string line;
  if (!read_line(line, until) || line.rfind("HTTP/1.", 0) != 0 || line.size() < 12)
    return answer;
  answer.status = std::atoi(line.c_str() + 9);
  do {
    if (!read_line(line, until))
      return answer;
    add_header(line, answer.headers);
  } while (!line.empty());
  if (answer.status == 204 || answer.status == 304 || answer.status < 200) {
    answer.complete = true;
  } else if (answer.headers["transfer-encoding"] == "chunked") {
    answer.complete = read_chunks(answer.body, until);
  } else if (answer.headers.count("content-length") != 0) {
    const auto size = std::strtoul(answer.headers["content-length"].c_str(), nullptr, 10);
    answer.complete = read_to(size, until);
    answer.body = unread_.substr(0, size);
    unread_.erase(0, size);
  } else {
    // Until the server closes, or the deadline.
    static_cast<void>(read_to(std::numeric_limits<std::size_t>::max(), until));
    answer.body.swap(unread_);
    answer.complete = clock::now() < until;
  }
  return answer;
}

bool unix_http::wait_for(const std::string& text, std::chrono::milliseconds deadline) {
  const auto until = clock::now() + deadline;
  while (unread_.find(text) == std::string::npos)
    if (!read_some(until))
      return false;
  return true;
}

bool unix_http::closed(std::chrono::milliseconds deadline) {
  const auto until = clock::now() + deadline;
  while (read_some(until))
    unread_.clear();
  return clock::now() < until;
}

http_answer http_call(const std::filesystem::path& socket, const std::string& method, const std::string& target,
                      const std::string& body, std::chrono::milliseconds deadline) {
  return unix_http(socket).call(method, target, body, deadline);
}

} // namespace muster::test
