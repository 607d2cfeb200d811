#include "support/catch.hpp"

#include "gateway/http/router.hpp"
#include "gateway/http/test_server.hpp"

#include <atomic>
#include <future>
#include <vector>

using namespace muster;
using namespace muster::test;

namespace {

/// Answers with what it was asked.
http::response echo(http::request& x) {
  http::response answer;
  answer.headers.emplace("Content-Type", "text/plain");
  answer.body = x.method + ' ' + x.path + ' ' + x.body;
  return answer;
}

} // namespace

TEST_CASE("a request is answered and its connection used again") {
  const auto server = serve(echo);
  raw_client client(server->port());
  for (int i = 0; i < 3; ++i) {
    client.send(post("/a%20b/" + std::to_string(i), "body"));
    const auto answer = client.read_answer();
    CHECK(answer.status == 200);
    CHECK(answer.body == "POST /a b/" + std::to_string(i) + " body");
    CHECK(answer.headers.at("content-type") == "text/plain");
    CHECK(answer.headers.count("date") == 1);
    CHECK_FALSE(answer.headers.at("x-request-id").empty());
    CHECK(answer.headers.count("connection") == 0);
  }
}

TEST_CASE("requests that were sent ahead are answered in order") {
  const auto server = serve(echo);
  raw_client client(server->port());
  std::string all;
  for (int i = 0; i < 100; ++i)
    all += i % 3 == 0 ? get("/" + std::to_string(i)) : post("/" + std::to_string(i), std::string(7, 'x'));
  client.send(all);
  for (int i = 0; i < 100; ++i) {
    const auto answer = client.read_answer();
    REQUIRE(answer.status == 200);
    CHECK(answer.body.find(" /" + std::to_string(i) + ' ') != std::string::npos);
  }
}

TEST_CASE("HEAD tells the length of what GET would have") {
  const auto server = serve([](http::request&) {
    http::response x;
    x.body = "twelve bytes";
    return x;
  });
  raw_client client(server->port());
  client.send("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n" + get("/"));
  const auto head = client.read_answer(true);
  CHECK(head.headers.at("content-length") == "12");
  CHECK(client.read_answer().body == "twelve bytes");
}

TEST_CASE("connections end when the client or the version says so") {
  const auto server = serve(echo);
  for (const std::string request :
       {"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "GET / HTTP/1.0\r\n\r\n"}) {
    raw_client client(server->port());
    client.send(request);
    const auto answer = client.read_answer();
    CHECK(answer.headers.at("connection") == "close");
    CHECK(client.is_closed());
  }
  raw_client old(server->port());
  old.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n");
  CHECK(old.read_answer().headers.at("connection") == "keep-alive");
  CHECK(old.read_answer().headers.at("connection") == "close");
}

TEST_CASE("a client that waits for 100 Continue is told to go on") {
  const auto server = serve(echo);
  raw_client client(server->port());
  client.send("POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  CHECK(client.read_answer().status == 100);
  client.send("hello");
  CHECK(client.read_answer().body == "POST /x hello");
  client.send("POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: wonders\r\n\r\n");
  CHECK(client.read_answer().status == 417);
}

TEST_CASE("a body in chunks is put together") {
  const auto server = serve(echo);
  raw_client client(server->port());
  client.send("POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;e");
  client.send("xt=\"1\"\r\n!\r\n0\r\nTrailer: is dropped\r\n\r\n");
  CHECK(client.read_answer().body == "POST /x hello!");
  client.send(get("/again"));
  CHECK(client.read_answer().status == 200);
}

TEST_CASE("an exception of a handler is a 500 that tells nothing of it") {
  tally logged;
  http::server_config config;
  config.log = [&](std::string_view text) {
    if (text.find("secret") != std::string_view::npos)
      logged.add();
  };
  const auto server = serve([](http::request&) -> http::response { throw std::runtime_error("secret"); }, config);
  const auto answer = ask(server->port(), get("/"));
  CHECK(answer.status == 500);
  CHECK(answer.body.find("secret") == std::string::npos);
  CHECK(answer.headers.at("content-type") == "application/problem+json");
  CHECK(logged.count() == 1);
}

TEST_CASE("what stands in the way of a header is taken out") {
  const auto server = serve([](http::request& x) {
    http::response answer;
    answer.status = 201;
    answer.headers.emplace("Location", "/a\r\nSet-Cookie: stolen");
    answer.headers.emplace("Bad\r\nName", "x");
    answer.headers.emplace("Content-Length", "999");
    answer.body = x.id;
    return answer;
  });
  const auto answer = ask(server->port(), get("/"));
  CHECK(answer.status == 201);
  CHECK(answer.headers.count("set-cookie") == 0);
  CHECK(answer.headers.at("location") == "/a  Set-Cookie: stolen");
  CHECK(answer.complete);
  CHECK(answer.body == answer.headers.at("x-request-id"));
}

TEST_CASE("every answer has the headers of the server's configuration") {
  http::server_config config;
  config.headers.emplace("X-Muster-Log-Id", "log");
  config.headers.emplace("Content-Type", "not/this");
  const auto server = serve(echo, config);
  CHECK(ask(server->port(), get("/")).headers.at("x-muster-log-id") == "log");
  CHECK(ask(server->port(), get("/")).headers.at("content-type") == "text/plain");
  CHECK(ask(server->port(), "broken\r\n\r\n").headers.at("x-muster-log-id") == "log");
}

TEST_CASE("a request can be refused before its body is read") {
  tally answered;
  http::server_config config;
  config.admit = [](const http::request& x) -> std::optional<http::response> {
    if (x.header("authorization"))
      return std::nullopt;
    http::response refused;
    refused.status = 401;
    return refused;
  };
  config.observe = [&](const http::request&, const http::exchange& x) { answered.add(x.status); };
  const auto server = serve(echo, config);
  raw_client client(server->port());
  client.send("POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  CHECK(client.read_answer().status == 401);
  CHECK(client.is_closed());
  CHECK(answered.wait_for(401));
  raw_client other(server->port());
  other.send(get("/") + get("/", "Authorization: x\r\n"));
  CHECK(other.read_answer().status == 401); // Without a body the connection goes on.
  CHECK(other.read_answer().status == 200);
}

TEST_CASE("many clients at once each have their own answer") {
  http::server_config config;
  config.threads = 2;
  const auto server = serve(echo, config);
  std::vector<std::future<int>> clients;
  for (int n = 0; n < 16; ++n)
    clients.push_back(std::async(std::launch::async, [&, n] {
      int good = 0;
      raw_client client(server->port());
      for (int i = 0; i < 200; ++i) {
        const auto path = "/" + std::to_string(n) + "/" + std::to_string(i);
        client.send(post(path, path));
        good += client.read_answer().body == "POST " + path + ' ' + path ? 1 : 0;
      }
      return good;
    }));
  for (auto& x : clients)
    CHECK(x.get() == 200);
}

TEST_CASE("an address that is taken or is none is said so") {
  const auto server = serve(echo);
  http::server_config config;
  config.port = server->port();
  const auto taken = http::server::start(config, echo);
  REQUIRE_FALSE(taken.ok());
  CHECK(taken.failure().code == ec::unavailable);
  config.address = "localhost";
  const auto none = http::server::start(config, echo);
  REQUIRE_FALSE(none.ok());
  CHECK(none.failure().code == ec::invalid_argument);
  CHECK(none.failure().message.find("localhost") != std::string::npos);
}
