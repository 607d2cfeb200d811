#include "service_fixture.hpp"

#include <nlohmann/json.hpp>

using namespace muster;
using namespace muster::test;

namespace {

/// The head of a request whose body never comes.
std::string announced(const std::string& host, const std::string& more = {}) {
  return "POST /v1/workflows HTTP/1.1\r\nHost: " + host +
         "\r\nContent-Type: application/yaml\r\nContent-Length: 60000000\r\n" + more + "\r\n";
}

} // namespace

TEST_CASE("whoever has no token is refused before their body is read") {
  service_fixture head{{true, {}}};
  for (const auto* more : {"", "Authorization: Basic YTpi\r\n", "Authorization: Bearer x\r\n"}) {
    const auto got = head.ask(announced("localhost", more));
    CHECK(got.status == 401);
    CHECK(got.headers.at("connection") == "close");
    CHECK(nlohmann::json::parse(got.body)["code"] == "unauthorized");
  }
  const auto in_chunks = head.ask("POST /v1/tokens HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
  CHECK(in_chunks.status == 401);
  // Who guesses is heard out until there were too many.
  const auto guess = "Authorization: Bearer mst_" + std::string(43, 'A') + "\r\n";
  int said = 401;
  for (int i = 0; i < 100 && said == 401; ++i)
    said = head.ask(get("/v1/version", guess)).status;
  CHECK(said == 429);
  CHECK(head.ask(announced("localhost", guess)).status == 429);
}

TEST_CASE("without tokens a page of another site is refused before its body is read") {
  service_fixture head;
  CHECK(head.ask(announced("evil.example")).status == 403);
  CHECK(head.ask(announced("localhost", "Origin: https://evil.example\r\n")).status == 403);
}
