#include "docker/cutting_proxy.hpp"

#include <array>
#include <cstring>
#include <stdexcept>
#include <utility>
#include <vector>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace muster::test {

namespace {

sockaddr_un address_of(const std::filesystem::path& path) {
  sockaddr_un out{};
  out.sun_family = AF_UNIX;
  if (path.native().size() >= sizeof(out.sun_path))
    throw std::runtime_error("the path of a socket is too long: " + path.string());
  std::memcpy(out.sun_path, path.c_str(), path.native().size() + 1);
  return out;
}

} // namespace

cutting_proxy::cutting_proxy(std::filesystem::path daemon, std::filesystem::path socket, unsigned seed,
                             std::size_t least, std::size_t most)
    : daemon_(std::move(daemon)), socket_(std::move(socket)), random_(seed), lengths_(least, most),
      listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)), bell_(::eventfd(0, EFD_CLOEXEC)) {
  const auto address = address_of(socket_);
  if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      ::listen(listener_, 64) != 0)
    throw std::runtime_error("the proxy cannot listen at " + socket_.string());
  thread_ = std::thread([this] { run(); });
}

cutting_proxy::~cutting_proxy() {
  ends_ = true;
  const std::uint64_t one = 1;
  static_cast<void>(::write(bell_, &one, sizeof(one)));
  thread_.join();
  for (const auto& x : pairs_) {
    ::close(x.client);
    ::close(x.daemon);
  }
  ::close(listener_);
  ::close(bell_);
}

void cutting_proxy::run() {
  while (!ends_) {
    std::vector<pollfd> watched{{bell_, POLLIN, 0}, {listener_, POLLIN, 0}};
    for (const auto& x : pairs_) {
      watched.push_back({x.client, POLLIN, 0});
      watched.push_back({x.daemon, POLLIN, 0});
    }
    ::poll(watched.data(), watched.size(), -1);
    std::size_t at = 2;
    for (auto x = pairs_.begin(); x != pairs_.end(); at += 2) {
      const bool over =
          (watched[at].revents != 0 && !pass(*x, true)) || (watched[at + 1].revents != 0 && !pass(*x, false));
      if (over) {
        ::close(x->client);
        ::close(x->daemon);
      }
      x = over ? pairs_.erase(x) : std::next(x);
    }
    if (watched[1].revents != 0)
      accept();
  }
}

void cutting_proxy::accept() {
  pair x;
  x.client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  x.daemon = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  x.left = lengths_(random_);
  const auto address = address_of(daemon_);
  if (x.client >= 0 && ::connect(x.daemon, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
    pairs_.push_back(x);
    return;
  }
  ::close(x.client);
  ::close(x.daemon);
}

bool cutting_proxy::pass(pair& which, bool to_daemon) {
  std::array<char, 65536> buffer{};
  const auto got = ::recv(to_daemon ? which.client : which.daemon, buffer.data(), buffer.size(), 0);
  if (got <= 0)
    return false;
  auto size = static_cast<std::size_t>(got);
  const bool cut = !to_daemon && size >= which.left;
  if (cut)
    size = which.left;
  for (std::size_t sent = 0; sent < size;) {
    const auto put = ::send(to_daemon ? which.daemon : which.client, buffer.data() + sent, size - sent, MSG_NOSIGNAL);
    if (put <= 0)
      return false;
    sent += static_cast<std::size_t>(put);
  }
  if (!to_daemon)
    which.left -= size;
  cuts_ += cut ? 1 : 0;
  return !cut;
}

} // namespace muster::test
