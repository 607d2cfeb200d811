#include "gateway/http/raw_client.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <netinet/in.h>
#include <poll.h>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace muster::test {

raw_client::raw_client(std::uint16_t port, int receive_buffer)
    : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  if (receive_buffer != 0)
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): as the socket interface is.
  if (::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
    throw std::runtime_error("cannot connect to the server under test");
}

raw_client::~raw_client() {
  if (socket_ >= 0)
    ::close(socket_);
}

raw_client::raw_client(raw_client&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)), input_(std::move(other.input_)) {}

bool raw_client::send(std::string_view bytes) {
  while (!bytes.empty()) {
    pollfd wanted{socket_, POLLOUT, 0};
    if (::poll(&wanted, 1, static_cast<int>(patience.count())) <= 0)
      return false;
    const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR))
      continue;
    if (sent < 0)
      return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

std::size_t raw_client::send_some(std::string_view bytes) {
  const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  return sent < 0 ? 0 : static_cast<std::size_t>(sent);
}

void raw_client::half_close() {
  ::shutdown(socket_, SHUT_WR);
}

void raw_client::reset() {
  const linger now{1, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  ::close(std::exchange(socket_, -1));
}

bool raw_client::wait_readable(milliseconds limit) {
  pollfd wanted{socket_, POLLIN, 0};
  return ::poll(&wanted, 1, static_cast<int>(limit.count())) > 0;
}

bool raw_client::fill() {
  pollfd wanted{socket_, POLLIN, 0};
  if (::poll(&wanted, 1, static_cast<int>(patience.count())) <= 0)
    return false;
  std::array<char, 65536> piece{};
  const auto count = ::recv(socket_, piece.data(), piece.size(), 0);
  if (count <= 0)
    return false;
  input_.append(piece.data(), static_cast<std::size_t>(count));
  return true;
}

bool raw_client::read_until(std::string_view text) {
  for (;;) {
    if (const auto at = input_.find(text); at != std::string::npos) {
      input_.erase(0, at + text.size());
      return true;
    }
    if (!fill())
      return false;
  }
}

std::string raw_client::read_all(bool* closed) {
  while (fill()) {
  }
  if (closed != nullptr) {
    char byte = 0;
    *closed = ::recv(socket_, &byte, 1, MSG_DONTWAIT) == 0 || errno != EAGAIN;
  }
  return std::exchange(input_, {});
}

bool raw_client::is_closed() {
  bool closed = false;
  read_all(&closed);
  return closed;
}

raw_answer raw_client::read_head() {
  raw_answer x;
  auto end = std::string::npos;
  while ((end = input_.find("\r\n\r\n")) == std::string::npos)
    if (!fill())
      return x;
  x.head = input_.substr(0, end + 2);
  input_.erase(0, end + 4);
  x.status = std::atoi(x.head.substr(9, 3).c_str());
  for (std::size_t at = x.head.find("\r\n") + 2; at < x.head.size();) {
    const auto line_end = x.head.find("\r\n", at);
    const auto colon = x.head.find(": ", at);
    auto name = x.head.substr(at, colon - at);
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    x.headers[name] = x.head.substr(colon + 2, line_end - colon - 2);
    at = line_end + 2;
  }
  return x;
}

raw_answer raw_client::read_answer(bool no_body) {
  auto x = read_head();
  if (x.status == 0)
    return x;
  if (no_body || x.status == 204 || x.status == 304 || x.status == 100) {
    x.complete = true;
  } else if (x.headers.count("content-length") != 0) {
    const auto size = std::stoull(x.headers["content-length"]);
    while (input_.size() < size && fill()) {
    }
    x.complete = input_.size() >= size;
    x.body = input_.substr(0, size);
    input_.erase(0, size);
  } else if (x.headers.count("transfer-encoding") != 0) {
    for (;;) {
      auto end = std::string::npos;
      while ((end = input_.find("\r\n")) == std::string::npos)
        if (!fill())
          return x;
      const auto size = std::stoull(input_.substr(0, end), nullptr, 16);
      while (input_.size() < end + 4 + size)
        if (!fill())
          return x;
      x.body += input_.substr(end + 2, size);
      input_.erase(0, end + 4 + size);
      if (size == 0)
        break;
    }
    x.complete = true;
  } else {
    x.body = read_all(&x.complete);
  }
  return x;
}

std::string get(std::string_view path, std::string_view more_headers) {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\n" + std::string(more_headers) + "\r\n";
}

std::string post(std::string_view path, std::string_view body, std::string_view more_headers) {
  return "POST " + std::string(path) +
         " HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         std::string(more_headers) + "\r\n" + std::string(body);
}

raw_answer ask(std::uint16_t port, std::string_view request) {
  raw_client client(port);
  client.send(request);
  return client.read_answer();
}

} // namespace muster::test
