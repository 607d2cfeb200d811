#include "small_server.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace muster::test {

bool server_connection::read_some() {
  pollfd one{fd_, POLLIN, 0};
  std::array<char, 65'536> buffer{};
  if (::poll(&one, 1, 60'000) != 1)
    return false;
  const auto count = ::recv(fd_, buffer.data(), buffer.size(), 0);
  if (count <= 0)
    return false;
  unread_.append(buffer.data(), static_cast<std::size_t>(count));
  return true;
}

std::optional<received> server_connection::next() {
  std::size_t end = 0;
  while ((end = unread_.find("\r\n\r\n")) == std::string::npos)
    if (!read_some())
      return std::nullopt;
  received out;
  out.head = unread_.substr(0, end + 2);
  out.line = out.head.substr(0, out.head.find("\r\n"));
  unread_.erase(0, end + 4);
  std::size_t length = 0;
  if (const auto at = out.head.find("Content-Length: "); at != std::string::npos)
    length = std::strtoul(out.head.c_str() + at + 16, nullptr, 10);
  while (unread_.size() < length)
    if (!read_some())
      return std::nullopt;
  out.body = unread_.substr(0, length);
  unread_.erase(0, length);
  return out;
}

bool server_connection::send(std::string_view bytes) const {
  while (!bytes.empty()) {
    const auto count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0)
      return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

bool server_connection::closed() {
  pollfd one{fd_, POLLIN, 0};
  char byte = 0;
  return ::poll(&one, 1, 60'000) == 1 && ::recv(fd_, &byte, 1, 0) <= 0;
}

small_server::small_server(std::function<void(server_connection&)> serve) : serve_(std::move(serve)) {
  listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto path = socket().string();
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener_, 1024) != 0)
    throw std::runtime_error("cannot listen on " + path);
  acceptor_ = std::thread([this] { accept(); });
}

small_server::~small_server() {
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  {
    const std::lock_guard lock(mutex_);
    for (const int fd : open_)
      ::shutdown(fd, SHUT_RDWR);
  }
  for (auto& thread : threads_)
    thread.join();
  for (const int fd : open_)
    ::close(fd);
  ::close(listener_);
}

void small_server::accept() {
  while (true) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0)
      return;
    ++count_;
    const std::lock_guard lock(mutex_);
    open_.push_back(fd);
    threads_.emplace_back([this, fd] {
      server_connection connection(fd);
      serve_(connection);
      ::shutdown(fd, SHUT_RDWR);
    });
  }
}

std::string answer(int status, std::string_view body, std::string_view more_headers) {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\n" + std::string(more_headers) +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

std::string chunked_head(int status) {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\nTransfer-Encoding: chunked\r\n\r\n";
}

std::string chunk(std::string_view text) {
  std::array<char, 24> size{};
  std::snprintf(size.data(), size.size(), "%zx\r\n", text.size());
  return size.data() + std::string(text) + "\r\n";
}

} // namespace muster::test
