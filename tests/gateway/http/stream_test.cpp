#include "support/catch.hpp"

#include "gateway/http/scripted_stream.hpp"
#include "gateway/http/test_server.hpp"

#include <atomic>
#include <chrono>
#include <future>
#include <thread>
#include <vector>

using namespace muster;
using namespace muster::test;
using next = muster::http::body_stream::next;

namespace {

/// Answers with a stream of `x`.
http::handler streaming(std::shared_ptr<script> x, std::optional<std::uint64_t> length = {}) {
  return [x = std::move(x), length](http::request&) {
    http::response answer;
    answer.stream = std::make_unique<scripted_stream>(x);
    answer.stream_length = length;
    return answer;
  };
}

/// Says the same without end; counts what it was asked for.
class endless final : public http::body_stream {
public:
  explicit endless(std::atomic<std::uint64_t>& made) : made_(made) {}
  void start(http::waker) override {}
  next produce(std::string& out, std::size_t room) override {
    out.append(room, 'x');
    made_ += room;
    return next::more;
  }

private:
  std::atomic<std::uint64_t>& made_;
};

} // namespace

TEST_CASE("a stream is sent as it comes, in chunks") {
  const auto x = std::make_shared<script>();
  const auto server = serve(streaming(x));
  raw_client client(server->port());
  client.send(get("/"));
  const auto head = client.read_head(); // Before a word was said.
  CHECK(head.status == 200);
  CHECK(head.headers.at("transfer-encoding") == "chunked");
  CHECK(server->figures().streams == 1);
  x->say("one");
  CHECK(client.read_until("3\r\none\r\n"));
  x->say("two and");
  CHECK(client.read_until("7\r\ntwo and\r\n"));
  x->end();
  CHECK(client.read_until("0\r\n\r\n"));
  CHECK(x->wait_until_gone());
  // It is counted until its connection has let go of it, a moment later.
  for (const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{20};
       server->figures().streams != 0 && std::chrono::steady_clock::now() < until;)
    std::this_thread::yield();
  CHECK(server->figures().streams == 0);
}

TEST_CASE("a connection is used again after a stream, also for what was sent ahead") {
  const auto x = std::make_shared<script>();
  const auto server = serve(streaming(x));
  raw_client client(server->port());
  client.send(get("/"));
  CHECK(client.read_head().status == 200);
  CHECK(x->wait_until_idle());
  client.send(get("/"));
  client.send(get("/"));
  x->say("text");
  x->end();
  for (int i = 0; i < 3; ++i) {
    if (i > 0)
      CHECK(client.read_head().status == 200);
    CHECK(client.read_until("0\r\n\r\n"));
  }
}

TEST_CASE("a stream of known length is sent without chunks, and never another length") {
  for (const std::uint64_t length : {9U, 8U, 10U}) {
    const auto x = std::make_shared<script>();
    x->say("123456789");
    x->end();
    const auto server = serve(streaming(x, length));
    raw_client client(server->port());
    client.send(get("/"));
    const auto answer = client.read_answer();
    CHECK(answer.headers.at("content-length") == std::to_string(length));
    CHECK(answer.body == std::string("123456789").substr(0, length));
    CHECK(answer.complete == (length <= 9));
    CHECK((length == 9 || client.is_closed()));
  }
}

TEST_CASE("HEAD of a stream never starts it") {
  const auto x = std::make_shared<script>();
  const auto server = serve(streaming(x, 5));
  raw_client client(server->port());
  client.send("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(client.read_answer(true).headers.at("content-length") == "5");
  CHECK(x->wait_until_gone());
  CHECK(x->asked() == 0);
}

TEST_CASE("a stream that fails is cut, so that the client sees it") {
  for (const bool known : {false, true}) {
    const auto x = std::make_shared<script>();
    x->say("part");
    x->end(next::fail);
    const auto server = serve(streaming(x, known ? std::optional<std::uint64_t>(10) : std::nullopt));
    raw_client client(server->port());
    client.send(get("/"));
    const auto answer = client.read_answer();
    CHECK(answer.body == "part");
    CHECK_FALSE(answer.complete);
    CHECK(client.is_closed());
  }
}

TEST_CASE("HTTP/1.0 has its stream without chunks until the connection ends") {
  const auto x = std::make_shared<script>();
  x->say("text");
  x->end();
  const auto server = serve(streaming(x));
  raw_client client(server->port());
  client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  const auto answer = client.read_answer();
  CHECK(answer.headers.at("connection") == "close");
  CHECK(answer.headers.count("transfer-encoding") == 0);
  CHECK(answer.body == "text");
}

TEST_CASE("a stream that waits is asked again at its deadline") {
  const auto x = std::make_shared<script>();
  x->heartbeat = std::chrono::milliseconds(20);
  const auto server = serve(streaming(x));
  raw_client client(server->port());
  client.send(get("/"));
  for (int i = 0; i < 5; ++i)
    CHECK(client.read_until("1\r\n.\r\n"));
}

TEST_CASE("no wake is lost, whenever it comes") {
  http::server_config config;
  config.threads = 2;
  const auto x = std::make_shared<script>();
  const auto server = serve(streaming(x), config);
  raw_client client(server->port());
  client.send(get("/"));
  CHECK(client.read_head().status == 200);
  constexpr int rounds = 2'000;
  std::atomic<bool> stop{false};
  std::vector<std::future<void>> storm; // Wakes without a word, at any moment.
  for (int i = 0; i < 3; ++i)
    storm.push_back(std::async(std::launch::async, [&] {
      while (!stop) {
        x->wake();
        std::this_thread::yield();
      }
    }));
  bool all = true;
  for (int i = 0; i < rounds && all; ++i) {
    x->say("<" + std::to_string(i) + ">");
    all = client.read_until("<" + std::to_string(i) + ">\r\n"); // Each must come by its own wake.
  }
  stop = true;
  for (auto& one : storm)
    one.get();
  CHECK(all);
  x->end();
  CHECK(client.read_until("0\r\n\r\n"));
}

TEST_CASE("wakes that come when the stream, the connection or the server is gone do nothing") {
  http::waker kept;
  class keeping final : public http::body_stream {
  public:
    explicit keeping(http::waker& into) : into_(into) {}
    void start(http::waker wake) override { into_ = std::move(wake); }
    next produce(std::string&, std::size_t) override { return next::end; }

  private:
    http::waker& into_;
  };
  auto server = serve([&](http::request&) {
    http::response answer;
    answer.stream = std::make_unique<keeping>(kept);
    return answer;
  });
  CHECK(ask(server->port(), get("/")).complete);
  kept();
  server.reset();
  kept();
}

TEST_CASE("a client that stopped reading holds up nobody and costs one piece") {
  http::server_config config;
  config.workers = 2;
  std::atomic<std::uint64_t> made{0};
  const auto server = serve(
      [&](http::request& x) {
        http::response answer;
        if (x.path == "/endless")
          answer.stream = std::make_unique<endless>(made);
        else {
          const auto own = std::make_shared<script>();
          for (int i = 0; i < 200; ++i)
            own->say(std::string(10'000, 'y'));
          own->end();
          answer.stream = std::make_unique<scripted_stream>(own);
        }
        return answer;
      },
      config);
  raw_client stuck(server->port(), 4096);
  stuck.send(get("/endless"));
  CHECK(stuck.read_head().status == 200);
  std::vector<std::future<std::size_t>> others;
  for (int i = 0; i < 50; ++i)
    others.push_back(std::async(std::launch::async, [&] {
      raw_client client(server->port());
      client.send(get("/"));
      return client.read_answer().body.size();
    }));
  for (auto& x : others)
    CHECK(x.get() == 2'000'000);
  // What it was asked for fits into the kernel's buffers; nothing is made that nobody takes.
  const auto then = made.load();
  CHECK(then < 8'000'000);
  for (int i = 0; i < 20; ++i)
    CHECK(ask(server->port(), get("/")).complete);
  CHECK(made.load() - then < 200'000);
}

TEST_CASE("streams of clients that went are let go at once") {
  const auto server_scripts = std::make_shared<std::vector<std::shared_ptr<script>>>();
  std::mutex mutex;
  const auto server = serve([&](http::request&) {
    const std::lock_guard lock(mutex);
    server_scripts->push_back(std::make_shared<script>());
    http::response answer;
    answer.stream = std::make_unique<scripted_stream>(server_scripts->back());
    return answer;
  });
  for (int how = 0; how < 3; ++how) {
    raw_client client(server->port());
    client.send(get("/"));
    CHECK(client.read_head().status == 200);
    CHECK(server_scripts->back()->wait_until_idle());
    if (how == 0)
      client.reset();
    else if (how == 1)
      client.half_close();
    else
      raw_client(std::move(client));
    CHECK(server_scripts->back()->wait_until_gone());
  }
}

TEST_CASE("a client that sends no more gets what there is to stream") {
  const auto x = std::make_shared<script>();
  for (int i = 0; i < 100; ++i)
    x->say(std::string(10'000, 'z'));
  x->end();
  const auto server = serve(streaming(x));
  raw_client client(server->port());
  client.send(get("/"));
  client.half_close();
  const auto answer = client.read_answer();
  CHECK(answer.body.size() == 1'000'000);
  CHECK(answer.complete);
}

TEST_CASE("a thousand streams that wait cost no thread and are all woken") {
  constexpr std::size_t count = 1'000;
  std::mutex mutex;
  std::vector<std::shared_ptr<script>> scripts;
  const auto server = serve([&](http::request&) {
    const auto x = std::make_shared<script>();
    http::response answer;
    answer.stream = std::make_unique<scripted_stream>(x);
    const std::lock_guard lock(mutex);
    scripts.push_back(x);
    return answer;
  });
  std::vector<raw_client> clients;
  clients.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    clients.emplace_back(server->port());
    clients.back().send(get("/"));
  }
  for (auto& x : clients)
    REQUIRE(x.read_head().status == 200);
  CHECK(server->figures().streams == count);
  for (const auto& x : scripts) {
    x->say("news");
    x->end();
  }
  for (auto& x : clients)
    REQUIRE(x.read_until("4\r\nnews\r\n0\r\n\r\n"));
}
