#include "support/catch.hpp"

#include "gateway/http/engine.hpp"
#include "gateway/http/scripted_stream.hpp"
#include "gateway/http/test_server.hpp"

#include <atomic>
#include <chrono>
#include <future>
#include <thread>
#include <vector>

using namespace muster;
using namespace muster::test;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

http::response ok(http::request& /*x*/) {
  return {};
}

/// Holds handlers up until it is opened.
class gate {
public:
  void open() { open_.set_value(); }
  void pass() { opened_.wait(); }

private:
  std::promise<void> open_;
  std::shared_future<void> opened_ = open_.get_future().share();
};

} // namespace

TEST_CASE("the head of a request is bounded in bytes, headers and target") {
  http::server_config config;
  config.header_bytes = 8 * 1024;
  config.target_bytes = 1000;
  const auto server = serve(ok, config);
  CHECK(ask(server->port(), get("/", "X: " + std::string(7'000, 'x') + "\r\n")).status == 200);
  CHECK(ask(server->port(), get("/", "X: " + std::string(9'000, 'x') + "\r\n")).status == 431);
  CHECK(ask(server->port(), get("/" + std::string(999, 'x'))).status == 200);
  CHECK(ask(server->port(), get("/" + std::string(1'000, 'x'))).status == 414);
  CHECK(ask(server->port(), "GET /" + std::string(100'000, 'x')).status == 431);
  std::string many;
  for (int i = 0; i < 200; ++i)
    many += "A: b\r\n";
  CHECK(ask(server->port(), get("/", many)).status == 431);
}

TEST_CASE("the body of a request is bounded, and said so before it is sent") {
  http::server_config config;
  config.body_bytes = 1000;
  const auto server = serve(ok, config);
  CHECK(ask(server->port(), post("/", std::string(1'000, 'x'))).status == 200);
  CHECK(ask(server->port(), post("/", std::string(1'001, 'x'))).status == 413);
  raw_client polite(server->port());
  polite.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n");
  CHECK(polite.read_answer().status == 413);
  raw_client chunks(server->port());
  chunks.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 3; ++i)
    chunks.send("190\r\n" + std::string(400, 'x') + "\r\n");
  CHECK(chunks.read_answer().status == 413);
}

TEST_CASE("a client that still sends its large body reads why that was refused") {
  http::server_config config;
  config.body_bytes = 1000;
  const auto server = serve(ok, config);
  for (int i = 0; i < 20; ++i) {
    raw_client client(server->port());
    client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n");
    client.send(std::string(3'000'000, 'x'));
    CHECK(client.read_answer().status == 413);
  }
}

TEST_CASE("all bodies together are bounded") {
  http::server_config config;
  config.body_bytes_total = 100'000;
  gate held;
  const auto server = serve(
      [&](http::request& x) {
        if (x.body.size() > 80'000)
          held.pass();
        return http::response{};
      },
      config);
  raw_client first(server->port());
  first.send(post("/", std::string(90'000, 'x')));
  // Until the first is in memory the others pass.
  for (int status = 200; status != 503;) {
    status = ask(server->port(), post("/", std::string(50'000, 'x'))).status;
    REQUIRE((status == 200 || status == 503));
  }
  CHECK(ask(server->port(), post("/", std::string(9'000, 'x'))).status == 200);
  held.open();
  CHECK(first.read_answer().status == 200);
  CHECK(ask(server->port(), post("/", std::string(80'000, 'x'))).status == 200);
}

TEST_CASE("answers that nobody reads are bounded") {
  constexpr std::size_t large = 10'000'000;
  http::server_config config;
  config.answer_bytes_total = 4 * large;
  const auto server = serve(
      [](http::request& x) {
        http::response answer;
        answer.status = x.method == "POST" ? 201 : 200;
        answer.body.assign(x.path == "/small" ? 10'000 : large, 'x');
        return answer;
      },
      config);
  std::vector<raw_client> stuck;
  for (int i = 0; i < 20; ++i) {
    raw_client client(server->port(), 4096);
    client.send(get("/"));
    REQUIRE(client.wait_readable(raw_client::patience));
    if (i < 2) { // Half of it is for one peer.
      stuck.push_back(std::move(client));
      continue;
    }
    const auto answer = client.read_answer();
    CHECK(answer.status == 503);
    CHECK(answer.headers.at("retry-after") == "1");
    CHECK(server->figures().answer_bytes == 2 * large);
  }
  CHECK(ask(server->port(), get("/small")).status == 200);
  const auto made = ask(server->port(), post("/", "x"));
  CHECK(made.status == 201); // What was done is told.
  CHECK(made.body.size() == large);
  stuck.clear();
  for (int status = 503; status == 503;) // As soon as the server saw it.
    status = ask(server->port(), get("/")).status;
  while (server->figures().answer_bytes != 0)
    std::this_thread::yield();
}

TEST_CASE("large answers of all peers together are bounded, and one always fits") {
  http::server_config config;
  config.answer_bytes_total = 1000;
  http::engine engine(config, ok);
  CHECK(engine.reserve_answer("a", 5000));
  CHECK_FALSE(engine.reserve_answer("b", 1));
  engine.release_answer("a", 5000);
  CHECK(engine.reserve_answer("a", 400));
  CHECK_FALSE(engine.reserve_answer("a", 101));
  CHECK(engine.reserve_answer("b", 600));
  CHECK_FALSE(engine.reserve_answer("c", 1));
  engine.count_answer("c", 10);
  CHECK(engine.answer_bytes() == 1010);
}

TEST_CASE("requests that wait for a worker are bounded") {
  http::server_config config;
  config.workers = 1;
  config.queue = 2;
  gate held;
  tally begun;
  const auto server = serve(
      [&](http::request&) {
        begun.add();
        held.pass();
        return http::response{};
      },
      config);
  std::vector<raw_client> clients;
  clients.reserve(3);
  clients.emplace_back(server->port());
  clients.back().send(get("/"));
  REQUIRE(begun.wait_for(1));
  for (int i = 0; i < 2; ++i) {
    clients.emplace_back(server->port());
    clients.back().send(get("/"));
  }
  while (server->figures().queued < 2) // The server reads them when it comes to it.
    std::this_thread::yield();
  raw_client refused(server->port());
  refused.send(get("/"));
  const auto answer = refused.read_answer();
  CHECK(answer.status == 503);
  CHECK(answer.headers.at("retry-after") == "1");
  CHECK(answer.headers.count("connection") == 0);
  held.open();
  for (auto& x : clients)
    CHECK(x.read_answer().status == 200);
  refused.send(get("/"));
  CHECK(refused.read_answer().status == 200);
}

TEST_CASE("requests that wait for others hold up neither streams nor what asks how the service is") {
  http::server_config config;
  config.workers = 2;
  config.is_quick = [](const http::request& x) { return x.path == "/livez"; };
  gate held;
  tally begun;
  const auto said = std::make_shared<script>();
  const auto server = serve(
      [&](http::request& x) {
        http::response out;
        if (x.path == "/stream") {
          out.stream = std::make_unique<scripted_stream>(said);
        } else if (x.path != "/livez") {
          begun.add();
          held.pass();
        }
        return out;
      },
      config);
  raw_client stream(server->port());
  stream.send(get("/stream"));
  std::vector<raw_client> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back(server->port());
    clients.back().send(get("/slow"));
  }
  REQUIRE(begun.wait_for(2));
  said->say("more");
  CHECK(stream.read_until("more"));
  CHECK(ask(server->port(), get("/livez")).status == 200);
  held.open();
  for (auto& x : clients)
    CHECK(x.read_answer().status == 200);
}

TEST_CASE("connections are bounded, all and of each peer") {
  for (const bool of_peer : {false, true}) {
    http::server_config config;
    (of_peer ? config.connections_per_peer : config.connections) = 3;
    const auto server = serve(ok, config);
    std::vector<raw_client> clients;
    clients.reserve(3);
    for (int i = 0; i < 3; ++i) {
      clients.emplace_back(server->port());
      clients.back().send(get("/"));
      CHECK(clients.back().read_answer().status == 200);
    }
    raw_client refused(server->port());
    CHECK(refused.read_answer().status == 503);
    CHECK(refused.is_closed());
    CHECK(server->figures().connections == 3);
    clients.pop_back();
    for (int status = 503; status == 503;) // As soon as the server saw it.
      status = ask(server->port(), get("/")).status;
    CHECK(server->figures().refused >= 1);
  }
}

TEST_CASE("a head that comes byte by byte has one deadline for all of it") {
  http::server_config config;
  config.header_timeout = milliseconds(300);
  const auto server = serve(ok, config);
  raw_client slow(server->port());
  const auto until = steady_clock::now() + std::chrono::seconds(60); // Against hanging.
  std::string_view rest = "GET / HTTP/1.1\r\nHost: x\r\nX: ";
  // A byte at a time, each well within the deadline, for as long as the server lets it.
  while (!slow.wait_readable(milliseconds(20))) {
    slow.send(rest.empty() ? "x" : rest.substr(0, 1));
    rest.remove_prefix(rest.empty() ? 0 : 1);
    REQUIRE(steady_clock::now() < until);
  }
  CHECK(slow.read_answer().status == 408);
  CHECK(slow.is_closed());
}

TEST_CASE("many slow clients hold nobody up") {
  http::server_config config;
  config.header_timeout = milliseconds(20'000);
  const auto server = serve(ok, config);
  std::vector<raw_client> slow;
  slow.reserve(300);
  for (int i = 0; i < 300; ++i) {
    slow.emplace_back(server->port());
    slow.back().send(i % 2 == 0 ? "GET / HT" : "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
  }
  for (int i = 0; i < 20; ++i)
    CHECK(ask(server->port(), get("/")).status == 200);
}

TEST_CASE("a body that does not come, and a connection that is not used, end") {
  {
    http::server_config config;
    config.body_timeout = milliseconds(100);
    config.idle_timeout = std::chrono::minutes(5);
    const auto server = serve(ok, config);
    raw_client body(server->port());
    body.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
    CHECK(body.read_answer().status == 408);
    CHECK(body.is_closed());
  }
  http::server_config config;
  config.idle_timeout = milliseconds(150);
  const auto server = serve(ok, config);
  raw_client idle(server->port());
  CHECK(idle.read_all().empty());
  const auto until = steady_clock::now() + raw_client::patience;
  for (int status = 0; status == 0;) { // On a slow machine it is closed before it is used.
    REQUIRE(steady_clock::now() < until);
    raw_client used(server->port());
    used.send(get("/"));
    status = used.read_answer().status;
    CHECK((status == 200 || status == 0));
    CHECK(used.is_closed());
  }
}

TEST_CASE("a client that takes nothing is cut off, one that is slow is not") {
  http::server_config config;
  config.write_timeout = milliseconds(200);
  tally cut;
  config.observe = [&](const http::request&, const http::exchange& x) {
    if (!x.complete)
      cut.add();
  };
  const auto much = [](http::request&) {
    http::response x;
    x.body.assign(20'000'000, 'x');
    return x;
  };
  {
    const auto server = serve(much, config);
    raw_client stuck(server->port(), 4096);
    stuck.send(get("/"));
    CHECK(cut.wait_for(1));
  }
  config.write_timeout = std::chrono::minutes(5);
  const auto patient = serve(much, config);
  raw_client stuck(patient->port(), 4096);
  stuck.send(get("/"));
  CHECK(ask(patient->port(), get("/")).complete);
  CHECK(cut.count() == 1);
}
