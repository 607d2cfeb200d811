#include "actors/agents/head_probe.hpp"

#include "muster/base/ipv4.hpp"
#include "muster/base/unique_fd.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <memory>
#include <system_error>

namespace muster {

namespace {

using clock = std::chrono::steady_clock;

struct address_deleter {
  void operator()(addrinfo* x) const noexcept { ::freeaddrinfo(x); }
};
using address_list = std::unique_ptr<addrinfo, address_deleter>;

std::string text_of(int problem) {
  return std::generic_category().message(problem);
}

/// 0, or why it is not connected.
int wait_connected(int socket, clock::time_point until) {
  pollfd watched{socket, POLLOUT, 0};
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - clock::now()).count();
    const int ready = left <= 0 ? 0 : ::poll(&watched, 1, static_cast<int>(left));
    if (ready < 0 && errno == EINTR)
      continue;
    if (ready <= 0)
      return ready == 0 ? ETIMEDOUT : errno;
    int problem = 0;
    socklen_t size = sizeof problem;
    return ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &problem, &size) == 0 ? problem : errno;
  }
}

/// The address of this end.
std::string local_address(int socket) {
  sockaddr_storage found{};
  socklen_t size = sizeof found;
  std::array<char, NI_MAXHOST> text{};
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&found), &size) != 0 || // NOLINT: the interface of sockets
      ::getnameinfo(reinterpret_cast<const sockaddr*>(&found), size, text.data(), text.size(), nullptr, 0, // NOLINT
                    NI_NUMERICHOST) != 0)
    return {};
  const std::string out = text.data();
  const std::string mapped = "::ffff:"; // IPv4 by a socket of IPv6.
  return out.rfind(mapped, 0) == 0 ? out.substr(mapped.size()) : out;
}

} // namespace

result<std::string> probe_head(const std::string& host, std::uint16_t port, std::chrono::milliseconds limit) {
  const auto failed = [&](const std::string& why) {
    return error{ec::unavailable, "no head answers at " + host + ':' + std::to_string(port) + ": " + why};
  };
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* resolved = nullptr;
  if (const int code = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &resolved); code != 0)
    return failed(::gai_strerror(code));
  const address_list all{resolved};
  const auto until = clock::now() + limit;
  int problem = 0;
  for (const auto* x = all.get(); x != nullptr; x = x->ai_next) {
    const unique_fd socket{::socket(x->ai_family, x->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, x->ai_protocol)};
    if (!socket) {
      problem = errno;
      continue;
    }
    problem = ::connect(socket.get(), x->ai_addr, x->ai_addrlen) == 0 ? 0 : errno;
    if (problem == EINPROGRESS)
      problem = wait_connected(socket.get(), until);
    if (problem == 0)
      return local_address(socket.get());
  }
  return failed(text_of(problem));
}

result<std::string> address_for_tasks(const std::string& towards_head) {
  constexpr ipv4_address loopback = 127;
  const auto found = parse_ipv4(towards_head);
  if (found)
    return *found >> 24U == loopback ? std::string{} : towards_head;
  if (towards_head == "::1")
    return std::string{};
  return error{ec::invalid_argument,
               "this machine reaches the head by " + (towards_head.empty() ? "an unknown address" : towards_head) +
                   ", and tasks on other nodes reach those here by IPv4 alone: name its IPv4 address, or the network "
                   "interface that has it, by --address"};
}

} // namespace muster
