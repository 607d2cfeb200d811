#include "fleet_fixture.hpp"
#include "harness.hpp"

#include "executors/null/null_driver.hpp"
#include "gateway/auth/agent_link.hpp"
#include "gateway/auth/certificates.hpp"
#include "muster/base/unique_fd.hpp"
#include "support/catch.hpp"
#include "support/kept_log.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <thread>

using namespace muster;
using namespace muster::test;

namespace {

/// Takes connections at a port of its own and breaks them off.
class unfriendly {
public:
  unfriendly() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    REQUIRE(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&at), size) == 0);
    REQUIRE(::listen(socket_.get(), 8) == 0);
    REQUIRE(::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&at), &size) == 0);
    port_ = ntohs(at.sin_port);
    takes_ = std::thread{[this] {
      while (unique_fd{::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC)})
        continue;
    }};
  }
  ~unfriendly() {
    ::shutdown(socket_.get(), SHUT_RDWR);
    takes_.join();
  }
  unfriendly(const unfriendly&) = delete;
  unfriendly& operator=(const unfriendly&) = delete;
  [[nodiscard]] std::uint16_t port() const { return port_; }

private:
  unique_fd socket_;
  std::uint16_t port_ = 0;
  std::thread takes_;
};

/// What an agent that cannot join says, once it says this.
bool says(agent_config config, const std::string& text) {
  const kept_log log;
  const auto started = agent_runtime::start(std::move(config));
  REQUIRE(started);
  const bool out = eventually([&] { return log.text().find(text) != std::string::npos; });
  INFO(log.text());
  CHECK(out);
  return out;
}

} // namespace

TEST_CASE("an agent says what may be wrong with what breaks its connections off") {
  const scratch dir;
  fleet_head head{dir.path()};
  const unfriendly other;
  auto plain = agent_of(head, dir.path(), "n1", make_null_driver());
  plain.head_port = other.port();
  CHECK(says(std::move(plain), "broke off: it wants a certificate (--certs), or is not where a head takes agents"));

  REQUIRE(gateway::make_authority(dir.path() / "ca", std::chrono::hours{24}));
  REQUIRE(gateway::issue_certificate(dir.path() / "ca", "n2", gateway::certificate_use::node, std::chrono::hours{24},
                                     dir.path() / "n2-certs"));
  const auto encrypted = [&](std::uint16_t port) {
    auto config = agent_of(head, dir.path(), "n2", make_null_driver());
    gateway::encrypt_by(dir.path() / "n2-certs", config);
    config.head_port = port;
    return config;
  };
  CHECK(says(encrypted(other.port()), "it does not encrypt, or has no certificate of the same authority"));
  CHECK(says(encrypted(head.port()), "wrong version number: it does not encrypt"));
}
