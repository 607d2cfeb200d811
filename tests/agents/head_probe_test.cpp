#include "actors/agents/head_probe.hpp"
#include "muster/base/unique_fd.hpp"
#include "support/catch.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <string>
#include <vector>

using namespace muster;

namespace {

constexpr std::chrono::milliseconds long_enough{20'000};

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(port);
  out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return out;
}

unique_fd make_socket(int flags = 0) {
  unique_fd out{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0)};
  REQUIRE(out);
  return out;
}

/// At a port of its own, with room for `backlog` whom nobody has accepted.
class listener {
public:
  explicit listener(int backlog) : socket_(make_socket()) {
    auto at = loopback(0);
    REQUIRE(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0);
    REQUIRE(::listen(socket_.get(), backlog) == 0);
    socklen_t size = sizeof at;
    REQUIRE(::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&at), &size) == 0);
    port_ = ntohs(at.sin_port);
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }

private:
  unique_fd socket_;
  std::uint16_t port_ = 0;
};

} // namespace

TEST_CASE("a head that listens is found, with the address of this machine towards it") {
  const listener head{8};
  const auto found = probe_head("127.0.0.1", head.port(), long_enough);
  REQUIRE(found);
  CHECK(*found == "127.0.0.1");
  CHECK(probe_head("localhost", head.port(), long_enough));
}

TEST_CASE("where nobody listens, and where there is no such host, that is said") {
  std::uint16_t port = 0;
  {
    const listener gone{8};
    port = gone.port();
  }
  const auto none = probe_head("127.0.0.1", port, long_enough);
  CHECK(none.failure().code == ec::unavailable);
  CHECK_THAT(none.failure().message,
             ContainsSubstring("127.0.0.1:" + std::to_string(port)) && ContainsSubstring("Connection refused"));
  CHECK(probe_head("no-such-host.invalid", 1, long_enough).failure().code == ec::unavailable);
}

TEST_CASE("a network that does not answer is waited for no longer than asked") {
  const listener full{0};
  const auto at = loopback(full.port());
  std::vector<unique_fd> waiting;
  for (int i = 0; i < 8; ++i) { // More than have room: what comes then gets no answer.
    waiting.push_back(make_socket(SOCK_NONBLOCK));
    static_cast<void>(::connect(waiting.back().get(), reinterpret_cast<const sockaddr*>(&at), sizeof at));
  }
  const auto none = probe_head("127.0.0.1", full.port(), std::chrono::milliseconds{50});
  CHECK(none.failure().code == ec::unavailable);
  CHECK_THAT(none.failure().message, ContainsSubstring("timed out"));
}

TEST_CASE("tasks are reached by the IPv4 address towards the head, by none on one machine, and by no other") {
  CHECK(*address_for_tasks("10.0.0.7") == "10.0.0.7");
  CHECK(address_for_tasks("127.0.0.1")->empty());
  CHECK(address_for_tasks("127.1.2.3")->empty());
  CHECK(address_for_tasks("::1")->empty());
  for (const auto* other : {"fd00::7", "fe80::1%eth0", "2001:db8::7", ""}) {
    const auto none = address_for_tasks(other);
    REQUIRE_FALSE(none);
    CHECK(none.failure().code == ec::invalid_argument);
    CHECK_THAT(none.failure().message, ContainsSubstring(other) && ContainsSubstring("--address"));
  }
}
