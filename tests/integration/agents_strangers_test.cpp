#include "agent_farm.hpp"

#include "muster/base/unique_fd.hpp"
#include "support/catch.hpp"
#include "support/processes.hpp"

#include <arpa/inet.h>
#include <csignal>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace muster;
using namespace muster::test;

namespace {

/// A connection to a port of this machine that says what it is told, and then nothing.
class stranger {
public:
  stranger(const std::string& address, const std::string& says) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(static_cast<std::uint16_t>(std::stoul(address.substr(address.rfind(':') + 1))));
    REQUIRE(::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
    REQUIRE(::send(socket_, says.data(), says.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(says.size()));
  }
  ~stranger() { ::close(socket_); }
  stranger(const stranger&) = delete;
  stranger& operator=(const stranger&) = delete;

private:
  int socket_;
};

/// The first bytes of a handshake, of which more is to come.
const std::string half_a_greeting{"\x16\x03\x01\x02", 4};

} // namespace

TEST_CASE(
    "who is silent in the handshake of an encrypted connection takes nothing of a head, and keeps it from nothing") {
  farm x;
  make_certificates(x.muster, {"n1"});
  x.start("127.0.0.1:0", patient, certificates_of(x.muster, "head"));
  REQUIRE(x.head->ready());
  const auto address = agents_address(x.muster);
  const stranger silent{address, ""};
  const stranger halting{address, half_a_greeting};
  const stranger rude{address, "GET / HTTP/1.0\r\n\r\n"};
  const auto begin = std::chrono::steady_clock::now();
  const auto before = cpu_seconds(x.head->process().pid());
  const node_program node{x.muster, "n1", {"--certs", certificates_of(x.muster, "n1")}};
  REQUIRE(becomes(x.muster, "n1", "ready"));
  const auto id = x.submit("workflow: {name: w, tasks: [{name: t, image: none, command: [sleep, '1']}]}");
  CHECK(x.muster({"wait", id}).out == id + " COMPLETED\n");
  // No more than that it does not wait busily, however slow this machine is.
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  CHECK(cpu_seconds(x.head->process().pid()) - before < took.count() / 2);
  CHECK(x.head->stop(SIGTERM).exit_code == 0);
}

TEST_CASE("an agent whose head is silent in the handshake can be stopped") {
  farm x;
  make_certificates(x.muster, {"n1"});
  const unique_fd listener{::socket(AF_INET, SOCK_STREAM, 0)};
  sockaddr_in own{};
  own.sin_family = AF_INET;
  own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof own;
  REQUIRE(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) == 0);
  REQUIRE(::listen(listener.get(), 4) == 0);
  REQUIRE(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&own), &size) == 0);
  node_program node{
      x.muster,
      "n1",
      {"--certs", certificates_of(x.muster, "n1"), "--head", "127.0.0.1:" + std::to_string(ntohs(own.sin_port))}};
  // One looks whether there is a port, the other says something.
  char byte = 0;
  unique_fd peer;
  do {
    peer.reset(::accept(listener.get(), nullptr, nullptr));
    REQUIRE(peer);
  } while (::recv(peer.get(), &byte, 1, 0) != 1);
  CHECK(node.stop(SIGTERM).exit_code == 0);
}
