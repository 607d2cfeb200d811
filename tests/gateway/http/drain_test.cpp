#include "support/catch.hpp"

#include "gateway/http/scripted_stream.hpp"
#include "gateway/http/test_server.hpp"

#include <future>

using namespace muster;
using namespace muster::test;

namespace {

std::chrono::steady_clock::time_point in(std::chrono::milliseconds x) {
  return std::chrono::steady_clock::now() + x;
}

} // namespace

TEST_CASE("a server that goes away lets requests finish and takes no more") {
  std::promise<void> opened;
  const auto open = opened.get_future().share();
  tally begun;
  const auto server = serve([&](http::request& x) {
    if (x.path == "/slow") {
      begun.add();
      open.wait();
    }
    http::response answer;
    answer.body = "done";
    return answer;
  });
  raw_client idle(server->port());
  idle.send(get("/"));
  CHECK(idle.read_answer().status == 200);
  raw_client busy(server->port());
  busy.send(get("/slow"));
  CHECK(begun.wait_for(1));
  auto drained = std::async(std::launch::async, [&] { server->drain(in(std::chrono::seconds(20))); });
  CHECK(idle.is_closed());
  CHECK_THROWS(([&] { // The listening socket closes soon.
    for (;;)
      raw_client(server->port());
  }()));
  CHECK(drained.wait_for(std::chrono::seconds(0)) == std::future_status::timeout);
  opened.set_value();
  const auto answer = busy.read_answer();
  CHECK(answer.body == "done");
  CHECK(answer.headers.at("connection") == "close");
  { const raw_client closed = std::move(busy); }
  drained.get();
  CHECK(server->figures().connections == 0);
}

TEST_CASE("a server that goes away ends streams that are whole anywhere, and cuts others") {
  for (const bool open_ended : {true, false}) {
    const auto x = std::make_shared<script>();
    x->open_ended = open_ended;
    const auto server = serve([&](http::request&) {
      http::response answer;
      answer.stream = std::make_unique<scripted_stream>(x);
      return answer;
    });
    raw_client client(server->port());
    client.send(get("/"));
    CHECK(client.read_head().status == 200);
    x->say("text");
    CHECK(client.read_until("text\r\n"));
    CHECK(x->wait_until_idle());
    auto drained = std::async(std::launch::async, [&] { server->drain(in(std::chrono::seconds(20))); });
    CHECK(client.read_all() == (open_ended ? "0\r\n\r\n" : ""));
    CHECK(x->wait_until_gone());
  }
}

TEST_CASE("a download under way is completed before the server goes away") {
  const auto x = std::make_shared<script>();
  const auto server = serve([&](http::request&) {
    http::response answer;
    answer.stream = std::make_unique<scripted_stream>(x);
    answer.stream_length = 5'000'000;
    return answer;
  });
  for (int i = 0; i < 500; ++i)
    x->say(std::string(10'000, 'x'));
  x->end();
  raw_client client(server->port(), 4096);
  client.send(get("/"));
  const auto head = client.read_head();
  CHECK(head.status == 200);
  auto drained = std::async(std::launch::async, [&] { server->drain(in(std::chrono::seconds(20))); });
  CHECK(client.read_all().size() == 5'000'000);
}

TEST_CASE("what is not over at the deadline is cut") {
  const auto x = std::make_shared<script>();
  auto server = serve([&](http::request&) {
    http::response answer;
    answer.stream = std::make_unique<scripted_stream>(x);
    answer.stream_length = 50'000'000;
    return answer;
  });
  for (int i = 0; i < 5'000; ++i)
    x->say(std::string(10'000, 'x'));
  raw_client stuck(server->port(), 4096);
  stuck.send(get("/"));
  CHECK(stuck.read_head().status == 200);
  server->drain(in(std::chrono::milliseconds(50)));
  CHECK(server->figures().connections == 1);
  server.reset();
  CHECK(x->wait_until_gone());
  CHECK(stuck.is_closed());
}

TEST_CASE("a server that ends waits for no client, only for handlers that run") {
  std::promise<void> opened;
  const auto open = opened.get_future().share();
  tally begun;
  http::server_config config;
  config.workers = 1;
  auto server = serve(
      [&](http::request&) {
        begun.add();
        open.wait();
        return http::response{};
      },
      config);
  raw_client one(server->port()), two(server->port()), idle(server->port()), half(server->port());
  one.send(get("/"));
  CHECK(begun.wait_for(1));
  two.send(get("/"));
  half.send("GET / HT");
  auto ended = std::async(std::launch::async, [&] { server.reset(); });
  opened.set_value();
  ended.get();
  CHECK(idle.is_closed());
  CHECK(half.is_closed());
  CHECK(begun.count() <= 2);
}
