#include "executors/docker/engine/loop.hpp"

#include "small_server.hpp"
#include "support/catch.hpp"

#include <atomic>
#include <chrono>
#include <future>
#include <string>
#include <vector>

using namespace muster;
using namespace muster::docker;
using namespace std::chrono_literals;
using test::answer;
using test::chunk;
using test::chunked_head;
using test::server_connection;
using test::small_server;

namespace {

using answered = outcome<http_response>;

std::shared_ptr<const endpoint> at(const std::filesystem::path& socket) {
  endpoint where;
  where.socket = socket;
  return std::make_shared<const endpoint>(where);
}

http_request get(const std::filesystem::path& socket, const std::string& path = "/x") {
  http_request out;
  out.to = at(socket);
  out.path = path;
  out.deadline = 60s;
  return out;
}

answered call(loop& on, http_request request) {
  return wait_for<answered>(on, [&](auto done) { on.send(std::move(request), {{}, {}, std::move(done)}); });
}

/// Runs `work` on the loop's thread and waits for it.
void run_on(loop& on, std::function<void()> work) {
  static_cast<void>(wait_for<bool>(on, [&](const auto& done) {
    work();
    done(true);
  }));
}

/// Answers everything with `text`.
std::function<void(server_connection&)> always(std::string text) {
  return [text = std::move(text)](server_connection& with) {
    while (with.next())
      with.send(text);
  };
}

} // namespace

TEST_CASE("posted work runs in order, on one thread") {
  loop on;
  std::vector<int> seen;
  for (int i = 0; i < 1000; ++i)
    on.post([&seen, i] { seen.push_back(i); });
  bool there = false;
  run_on(on, [&] { there = on.on_thread(); });
  CHECK(there);
  CHECK_FALSE(on.on_thread());
  REQUIRE(seen.size() == 1000);
  CHECK(std::is_sorted(seen.begin(), seen.end()));
}

TEST_CASE("timers run in the order of their times, and can be taken back") {
  loop on;
  std::vector<int> seen;
  std::promise<void> done;
  run_on(on, [&] {
    on.after(30ms, [&] { seen.push_back(3); });
    on.after(10ms, [&] { seen.push_back(1); });
    const auto taken = on.after(15ms, [&] { seen.push_back(-1); });
    on.after(20ms, [&, taken] {
      on.cancel(taken);
      seen.push_back(2);
    });
    const auto never = on.after(25ms, [&] { seen.push_back(-2); });
    on.cancel(never);
    on.cancel(never);
    on.after(40ms, [&] { done.set_value(); });
  });
  done.get_future().get();
  CHECK(seen == std::vector<int>{1, -1, 2, 3});
}

TEST_CASE("what is left at the end is dropped without a word") {
  std::atomic<int> told{0};
  small_server server([](server_connection& with) {
    static_cast<void>(with.next());
    with.closed();
  });
  {
    loop on;
    run_on(on, [&] {
      on.after(1h, [&] { ++told; });
      on.send(get(server.socket()), {{}, {}, [&](const answered&) { ++told; }});
    });
  }
  CHECK(told == 0);
}

TEST_CASE("a request arrives as it was meant, and so does its answer") {
  std::promise<test::received> promise;
  small_server server([&](server_connection& with) {
    promise.set_value(*with.next());
    with.send(answer(418, "short and stout", "X-Mixed-Case:  some value \r\n"));
  });
  loop on;
  auto request = get(server.socket(), "/a%20b/../c");
  request.method = "PUT";
  request.query = {{"key", "a b&c=d/\xc3\xbc"}, {"e", ""}};
  request.headers = {{"X-Registry-Auth", "abc"}};
  request.body = std::string("\0binary", 7);
  request.content_type = "application/x-tar";
  const auto got = call(on, request);
  REQUIRE(got.ok());
  CHECK(got->status == 418);
  CHECK(got->body == "short and stout");
  CHECK(got->headers.at("x-mixed-case") == "some value");
  const auto seen = promise.get_future().get();
  CHECK(seen.line == "PUT /a%20b/../c?key=a%20b%26c%3Dd%2F%C3%BC&e= HTTP/1.1");
  CHECK(seen.body == request.body);
  CHECK(seen.head.find("Content-Type: application/x-tar\r\n") != std::string::npos);
  CHECK(seen.head.find("X-Registry-Auth: abc\r\n") != std::string::npos);
  CHECK(seen.head.find("Expect") == std::string::npos);
}

TEST_CASE("a header cannot be smuggled in") {
  small_server server(always(answer(200, "")));
  loop on;
  auto request = get(server.socket());
  request.headers = {{"X-A", "b\r\nX-C: d"}};
  CHECK(call(on, request).kind() == failure::bad_request);
  CHECK(server.connections() == 0);
}

TEST_CASE("a connection serves many requests") {
  small_server server(always(answer(200, "x")));
  loop on;
  for (int i = 0; i < 100; ++i)
    REQUIRE(call(on, get(server.socket())).ok());
  CHECK(server.connections() == 1);
}

TEST_CASE("idle connections stay few, also beside many streams") {
  small_server server([&](server_connection& with) {
    while (const auto request = with.next()) {
      if (request->line.find("/stream") == std::string::npos) {
        with.send(answer(200, "x"));
        continue;
      }
      with.send(chunked_head());
      with.closed();
      return;
    }
  });
  loop on(4);
  const auto open = wait_for<int>(on, [&](const auto& done) {
    auto count = std::make_shared<int>(0);
    for (int i = 0; i < 40; ++i)
      on.send(get(server.socket(), "/stream"), {[count, done](const http_response&) {
                                                  if (++*count == 40)
                                                    done(*count);
                                                },
                                                [](std::string_view) { return true; }, [](const answered&) {}});
  });
  CHECK(open == 40);
  for (int i = 0; i < 50; ++i)
    REQUIRE(call(on, get(server.socket())).ok());
  CHECK(server.connections() == 41);
}

TEST_CASE("a connection that the server closed is replaced") {
  small_server server([](server_connection& with) {
    if (with.next())
      with.send(answer(200, "x"));
  });
  loop on;
  for (int i = 0; i < 20; ++i)
    REQUIRE(call(on, get(server.socket())).ok());
  CHECK(server.connections() == 20);
}

TEST_CASE("who is not there is away, and says where it was looked for") {
  loop on;
  const auto got = call(on, get("/nonexistent/docker.sock"));
  REQUIRE_FALSE(got.ok());
  CHECK(got.kind() == failure::daemon_away);
  CHECK(got.failure().message.find("unix:///nonexistent/docker.sock") != std::string::npos);
  CHECK(got.failure().message.find("No such file") != std::string::npos);
  auto refused = get({});
  endpoint where;
  where.host = "127.0.0.1";
  where.port = 1;
  refused.to = std::make_shared<const endpoint>(where);
  const auto over_tcp = call(on, refused);
  CHECK(over_tcp.kind() == failure::daemon_away);
  for (const auto* nobody : {&got, &over_tcp})
    CHECK_FALSE(nobody->failure().may_be_done());
}

TEST_CASE("a call that was sent may be carried out whether or not an answer comes") {
  small_server cuts([](server_connection& with) { static_cast<void>(with.next()); });
  small_server is_silent([](server_connection& with) { with.closed(); });
  loop on;
  for (const auto* server : {&cuts, &is_silent}) {
    auto request = get(server->socket());
    request.once = true;
    request.deadline = 100ms;
    const auto got = call(on, request);
    REQUIRE(got.kind() == failure::daemon_away);
    CHECK(got.failure().may_be_done());
  }
  // A handle that has sent something is used again.
  CHECK_FALSE(call(on, get("/nonexistent/docker.sock")).failure().may_be_done());
}

TEST_CASE("answers that are cut, late, odd or too large are errors of their own") {
  struct odd_case {
    std::string bytes;
    failure kind;
  };
  const std::vector<odd_case> cases{
      {"", failure::daemon_away},
      {"HTTP/1.1 200 OK\r\nContent-Le", failure::daemon_away},
      {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", failure::daemon_away},
      {chunked_head() + "5\r\nab", failure::daemon_away},
      {chunked_head() + chunk("ab"), failure::daemon_away},
      {chunked_head() + "xyz\r\n", failure::daemon_away},
      {"SSH-2.0-OpenSSH_9.2\r\n", failure::bad_answer},
      {answer(200, std::string(2000, 'x')), failure::bad_answer},
      {answer(500, std::string(2000, 'x')), failure::bad_answer},
  };
  for (const auto& one : cases) {
    INFO(one.bytes.substr(0, 80));
    small_server server([&](server_connection& with) {
      if (with.next())
        with.send(one.bytes);
    });
    loop on;
    auto request = get(server.socket());
    request.body_limit = 1000;
    const auto got = call(on, request);
    REQUIRE_FALSE(got.ok());
    CHECK(to_string(got.kind()) == to_string(one.kind));
    CHECK(got.failure().message.find('\n') == std::string::npos);
  }
}

TEST_CASE("a server that is silent is away after the deadline") {
  small_server server([](server_connection& with) {
    static_cast<void>(with.next());
    with.closed();
  });
  loop on;
  auto request = get(server.socket());
  request.deadline = 50ms;
  CHECK(call(on, request).kind() == failure::daemon_away);
  request.deadline = 0ms;
  request.idle = 50ms;
  const auto got = call(on, request);
  CHECK(got.kind() == failure::daemon_away);
  CHECK(got.failure().message.find("50 ms") != std::string::npos);
}

TEST_CASE("a stream that goes on talking is not silent") {
  small_server server([](server_connection& with) {
    static_cast<void>(with.next());
    with.send(chunked_head());
    // Each piece is sent when the one before has been seen: the client asks for it on another connection.
    for (int i = 0; i < 20; ++i) {
      std::this_thread::sleep_for(10ms);
      if (!with.send(chunk("x")))
        return;
    }
    with.send(chunk(""));
  });
  loop on;
  auto request = get(server.socket());
  request.deadline = 0ms;
  request.idle = 5s;
  std::string seen;
  const auto got = wait_for<answered>(on, [&](auto done) {
    on.send(request, {{},
                      [&](std::string_view piece) {
                        seen += piece;
                        return true;
                      },
                      std::move(done)});
  });
  CHECK(got.ok());
  CHECK(seen == std::string(20, 'x'));
}

TEST_CASE("a stream is read piece by piece, other answers are gathered") {
  small_server server([](server_connection& with) {
    while (const auto request = with.next())
      with.send(request->line.find("/bad") != std::string::npos
                    ? answer(500, "oops")
                    : chunked_head() + chunk("ab") + chunk("cd") + chunk(""));
  });
  loop on;
  std::string seen;
  int opened = 0;
  const auto stream = [&](const std::string& path) {
    return wait_for<answered>(on, [&](auto done) {
      on.send(get(server.socket(), path), {[&](const http_response& head) { opened = head.status; },
                                           [&](std::string_view piece) {
                                             seen += piece;
                                             return true;
                                           },
                                           std::move(done)});
    });
  };
  const auto good = stream("/good");
  REQUIRE(good.ok());
  CHECK(good->body.empty());
  CHECK(seen == "abcd");
  CHECK(opened == 200);
  const auto bad = stream("/bad");
  REQUIRE(bad.ok());
  CHECK(bad->status == 500);
  CHECK(bad->body == "oops");
  CHECK(seen == "abcd");
}

TEST_CASE("a call that is canceled says nothing more, wherever it is canceled") {
  std::promise<void> gone;
  small_server server([&](server_connection& with) {
    static_cast<void>(with.next());
    with.send(chunked_head() + chunk("one"));
    if (with.closed())
      gone.set_value();
  });
  loop on;
  int told = 0;
  run_on(on, [&] {
    auto id = std::make_shared<call_id>();
    *id = on.send(get(server.socket()), {{},
                                         [&, id](std::string_view) {
                                           ++told;
                                           on.cancel(*id);
                                           on.cancel(*id);
                                           return true;
                                         },
                                         [&](const answered&) { told += 100; }});
    CHECK(on.in_flight(*id));
    const auto early = on.send(get(server.socket()), {{}, {}, [&](const answered&) { told += 1000; }});
    on.cancel(early);
    CHECK_FALSE(on.in_flight(early));
  });
  gone.get_future().get();
  run_on(on, [&] { CHECK(on.calls_in_flight() == 0); });
  CHECK(told == 1);
}

TEST_CASE("a handler that has enough ends its call") {
  small_server server([](server_connection& with) {
    static_cast<void>(with.next());
    with.send(chunked_head() + chunk("one"));
    with.closed();
  });
  loop on;
  const auto got = wait_for<answered>(on, [&](auto done) {
    on.send(get(server.socket()), {{}, [](std::string_view) { return false; }, std::move(done)});
  });
  CHECK_FALSE(got.ok());
}

TEST_CASE("a stream that is paused holds the server back, and loses nothing") {
  constexpr std::size_t size = 8U << 20U;
  std::atomic<std::size_t> sent{0};
  small_server server([&](server_connection& with) {
    static_cast<void>(with.next());
    with.send(chunked_head());
    const std::string piece(64 * 1024, 'x');
    while (sent < size && with.send(chunk(piece)))
      sent += piece.size();
    with.send(chunk(""));
  });
  loop on;
  std::size_t seen = 0;
  std::size_t seen_when_resumed = 0;
  auto request = get(server.socket());
  request.deadline = 0ms;
  request.idle = 30s;
  const auto got = wait_for<answered>(on, [&](auto done) {
    auto id = std::make_shared<call_id>();
    *id = on.send(request, {{},
                            [&, id](std::string_view piece) {
                              seen += piece.size();
                              if (seen_when_resumed == 0) {
                                on.pause(*id);
                                on.after(50ms, [&, id] {
                                  on.resume(*id);
                                  on.pause(*id); // counts: the last word
                                });
                                on.after(100ms, [&, id] {
                                  seen_when_resumed = seen;
                                  on.resume(*id);
                                });
                              }
                              return true;
                            },
                            std::move(done)});
  });
  REQUIRE(got.ok());
  CHECK(seen_when_resumed <= 64 * 1024);
  CHECK(seen == size);
}

TEST_CASE("many calls at once all end") {
  small_server server(always(answer(200, "x")));
  loop on;
  constexpr int count = 300;
  const auto good = wait_for<int>(on, [&](const auto& done) {
    auto left = std::make_shared<std::pair<int, int>>(count, 0);
    for (int i = 0; i < count; ++i)
      on.send(get(server.socket()), {{}, {}, [left, done](const answered& got) {
                                       left->second += got.ok() ? 1 : 0;
                                       if (--left->first == 0)
                                         done(left->second);
                                     }});
  });
  CHECK(good == count);
}

TEST_CASE("segments of paths are encoded") {
  CHECK(encode_segment("a-b.c_d~9") == "a-b.c_d~9");
  CHECK(encode_segment("a/b c?d#\xc3\xbc") == "a%2Fb%20c%3Fd%23%C3%BC");
  CHECK(encode_segment("a/b:1", true) == "a/b%3A1");
}
