#include "service_fixture.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include <vector>

using namespace muster;
using namespace muster::test;
using nlohmann::json;

namespace {

/// Takes connections, by the kernel, and never says a word.
class silent_listener {
public:
  silent_listener() {
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    REQUIRE(::bind(socket_, reinterpret_cast<sockaddr*>(&at), size) == 0);
    REQUIRE(::listen(socket_, 64) == 0);
    REQUIRE(::getsockname(socket_, reinterpret_cast<sockaddr*>(&at), &size) == 0);
    port_ = ntohs(at.sin_port);
  }
  ~silent_listener() { close(); }
  silent_listener(const silent_listener&) = delete;
  silent_listener& operator=(const silent_listener&) = delete;

  void close() {
    if (socket_ >= 0)
      ::close(socket_);
    socket_ = -1;
  }
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/hook"; }

private:
  int socket_ = -1;
  std::uint16_t port_ = 0;
};

constexpr auto json_type = "Content-Type: application/json\r\n";

} // namespace

TEST_CASE("webhooks that do not answer can be tested without anybody else waiting") {
  service_fixture head{{false, {}}, true, [](gateway::service_config& x) {
                         x.server.workers = 1;
                         x.webhooks.allow_private = true;
                       }};
  silent_listener nobody;
  const auto made = head.ask(post("/v1/webhooks", json{{"url", nobody.url()}}.dump(), json_type));
  REQUIRE(made.status == 201);
  const auto target = "/v1/webhooks/" + json::parse(made.body)["id"].get<std::string>() + "/test";
  std::vector<raw_client> waiting;
  for (std::size_t i = 0; i < gateway::webhook_dispatcher::most_tests; ++i) {
    waiting.emplace_back(head.service().port());
    REQUIRE(waiting.back().send(post(target, "")));
    CHECK(head.ask(get("/v1/workflows")).status == 200); // By the one worker that there is.
  }
  const auto refused = head.ask(post(target, ""));
  CHECK(refused.status == 429);
  CHECK(refused.headers.count("retry-after") == 1);
  nobody.close(); // The kernel resets who was not accepted.
  for (auto& one : waiting) {
    const auto said = one.read_answer();
    CHECK(said.status == 200);
    CHECK(said.complete);
    const auto how = json::parse(said.body);
    CHECK(how["ok"] == false);
    CHECK(how["status"].is_null());
    CHECK_FALSE(how["problem"].get<std::string>().empty());
  }
  const auto again = head.ask(post(target, ""));
  CHECK(again.status == 200);
  CHECK(json::parse(again.body)["ok"] == false);
}
