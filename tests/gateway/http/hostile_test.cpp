#include "support/catch.hpp"

#include "gateway/http/test_server.hpp"

#include <string>
#include <vector>

using namespace muster;
using namespace muster::test;

namespace {

struct hostile {
  const char* what;
  std::string bytes;
  int status;
};

std::string with(const std::string& headers) {
  return "POST /x HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n";
}

const std::string nul(1, '\0');

/// Whatever two programs could read in two ways, and what is not HTTP.
const std::vector<hostile> table{
    {"CL and TE", with("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n", 400},
    {"TE and CL", with("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n") + "0\r\n\r\n", 400},
    {"two lengths that differ", with("Content-Length: 4\r\nContent-Length: 5\r\n") + "abcde", 400},
    {"two lengths that agree", with("Content-Length: 4\r\nContent-Length: 4\r\n") + "abcd", 400},
    {"a list of lengths", with("Content-Length: 4, 4\r\n") + "abcd", 400},
    {"a signed length", with("Content-Length: +4\r\n") + "abcd", 400},
    {"a negative length", with("Content-Length: -4\r\n"), 400},
    {"a length in hex", with("Content-Length: 0x4\r\n") + "abcd", 400},
    {"a length of nothing", with("Content-Length: \r\n"), 400},
    {"a length of 20 digits", with("Content-Length: 99999999999999999999\r\n"), 400},
    {"a length of 18 digits", with("Content-Length: 999999999999999999\r\n"), 413},
    {"chunked twice", with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n", 400},
    {"another coding", with("Transfer-Encoding: gzip\r\n"), 501},
    {"chunked is not last", with("Transfer-Encoding: chunked, identity\r\n") + "0\r\n\r\n", 501},
    {"chunked in quotes", with("Transfer-Encoding: \"chunked\"\r\n") + "0\r\n\r\n", 501},
    {"a coding with a vertical tab", with("Transfer-Encoding: \vchunked\r\n") + "0\r\n\r\n", 400},
    {"chunked in HTTP/1.0", "POST /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
    {"a space before the colon", with("Content-Length : 4\r\n") + "abcd", 400},
    {"a header without a name", with(": x\r\n"), 400},
    {"a header without a colon", with("nonsense\r\n"), 400},
    {"a folded header", with("X: a\r\n b\r\n"), 400},
    {"a folded first header", "GET /x HTTP/1.1\r\n Host: x\r\n\r\n", 400},
    {"bare LF at the end", "GET /x HTTP/1.1\nHost: x\n\n", 400},
    {"bare LF in a header", with("X: a\nContent-Length: 4\r\n"), 400},
    {"bare CR in a header", with("X: a\rY: b\r\n"), 400},
    {"NUL in a header", with("X: a" + nul + "b\r\n"), 400},
    {"NUL in the target", "GET /a" + nul + "b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"NUL in escapes", "GET /a%00b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"a bad escape", "GET /a%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"half an escape", "GET /a%4 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"a bad escape in the query", "GET /a?b=%q HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"up a folder", "GET /a/../b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"up a folder by escapes", "GET /a/%2e%2E/b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"a dot", "GET /./b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"two slashes", "GET //b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"a fragment", "GET /b#c HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"a target that is no path", "GET b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"bytes that are no ASCII", "GET /\xc3\xa4 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"a space in the target", "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"no target", "GET  HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"another scheme", "GET ftp://x/ HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"a user in the URL", "GET http://u@x/ HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"* for GET", "GET * HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"a proxy is wanted", "CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"a proxy is wanted for a path", "CONNECT /x HTTP/1.1\r\nHost: x\r\n\r\n", 501},
    {"no host", "GET / HTTP/1.1\r\n\r\n", 400},
    {"two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
    {"a host that is none", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
    {"HTTP/0.9", "GET /\r\n\r\n", 400},
    {"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
    {"HTTP/1.2", "GET / HTTP/1.2\r\nHost: x\r\n\r\n", 505},
    {"no version", "GET / HTTQ/1.1\r\nHost: x\r\n\r\n", 400},
    {"a method that is none", "G(T / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"a method without end", std::string(200, 'A') + " / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"a TLS hello", "\x16\x03\x01\x02" + nul + "\x01" + nul + nul, 400},
    {"binary noise", "\x01\x02\x03\x04\xff\xfe", 400},
    {"a chunk without a size", with("Transfer-Encoding: chunked\r\n") + "zz\r\n\r\n", 400},
    {"a chunk larger than any", with("Transfer-Encoding: chunked\r\n") + "ffffffffffffffffff\r\n", 400},
    {"a chunk of 2^64-1 bytes", with("Transfer-Encoding: chunked\r\n") + "ffffffffffffffff\r\n", 413},
    {"a chunk that does not end", with("Transfer-Encoding: chunked\r\n") + "1\r\nabc\r\n", 400},
    {"a chunk's size that ends with LF", with("Transfer-Encoding: chunked\r\n") + "1\na\r\n0\r\n\r\n", 400},
    {"LF in an extension of a chunk", with("Transfer-Encoding: chunked\r\n") + "1;a\nb\r\nc\r\n0\r\n\r\n", 400},
    {"a space before a chunk's size", with("Transfer-Encoding: chunked\r\n") + " 1\r\na\r\n0\r\n\r\n", 400},
    {"a sign before a chunk's size", with("Transfer-Encoding: chunked\r\n") + "+1\r\na\r\n0\r\n\r\n", 400},
    {"0x before a chunk's size", with("Transfer-Encoding: chunked\r\n") + "0x1\r\na\r\n0\r\n\r\n", 400},
    {"a trailer that is none", with("Transfer-Encoding: chunked\r\n") + "0\r\nnonsense\r\n\r\n", 400},
    {"a chunk's line without end", with("Transfer-Encoding: chunked\r\n") + "1;" + std::string(70'000, 'x'), 400},
    {"an unknown expectation", with("Expect: 200-ok\r\n"), 417},
};

} // namespace

TEST_CASE("hostile requests are answered with an error and end the connection, and never reach a handler") {
  tally reached;
  const auto server = serve([&](http::request&) {
    reached.add();
    return http::response{};
  });
  for (const auto& x : table) {
    INFO(x.what);
    raw_client client(server->port());
    client.send(x.bytes);
    const auto answer = client.read_answer();
    CHECK(answer.status == x.status);
    CHECK(answer.complete);
    CHECK(answer.headers.count("content-type") == 1);
    CHECK(answer.head.find("\r\nConnection: close\r\n") != std::string::npos);
    CHECK(answer.body.find("\"code\":") != std::string::npos);
    CHECK(client.is_closed());
  }
  CHECK(reached.count() == 0);
  CHECK(server->figures().refused >= table.size());
  CHECK(ask(server->port(), get("/")).status == 200);
}

TEST_CASE("what follows a smuggler's request is not taken for another") {
  tally reached;
  const auto server = serve([&](http::request&) {
    reached.add();
    return http::response{};
  });
  raw_client client(server->port());
  client.send(with("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n") +
              "0\r\n\r\nGET /admin HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(client.read_answer().status == 400);
  CHECK(client.is_closed());
  CHECK(reached.count() == 0);
}

TEST_CASE("requests in pieces of any size are understood alike") {
  const auto server = serve([](http::request& x) {
    http::response answer;
    answer.body = x.path + ' ' + x.body;
    return answer;
  });
  const std::string whole =
      "\r\nPOST /a/b?c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
  for (std::size_t cut = 1; cut < whole.size(); ++cut) {
    raw_client client(server->port());
    // Each request ahead of the cut one makes sure that its first half is read alone.
    client.send(get("/first") + whole.substr(0, cut));
    REQUIRE(client.read_answer().body == "/first ");
    client.send(whole.substr(cut));
    REQUIRE(client.read_answer().body == "/a/b abcde");
  }
}

TEST_CASE("a body in chunks may come byte by byte, also its end") {
  const auto server = serve([](http::request& x) {
    http::response answer;
    answer.body = "got " + x.body;
    return answer;
  });
  for (const std::string chunks : {"0\r\n\r\n", "0\r\nA: b\r\n\r\n", "1\r\na\r\n0\r\n\r\n"}) {
    raw_client client(server->port());
    client.send(get("/first") + with("Transfer-Encoding: chunked\r\n"));
    REQUIRE(client.read_answer().body == "got ");
    for (const char c : chunks) {
      client.send(std::string(1, c));
      CHECK_FALSE((&c != &chunks.back() && client.wait_readable(std::chrono::milliseconds(2))));
    }
    CHECK(client.read_answer().body == (chunks[0] == '1' ? "got a" : "got "));
  }
}

TEST_CASE("absolute targets and OPTIONS * are valid") {
  const auto server = serve([](http::request& x) {
    http::response answer;
    answer.body = x.method + ' ' + x.path + ' ' + std::string(x.header("host").value_or("none"));
    return answer;
  });
  CHECK(ask(server->port(), "GET http://other:1/p?q HTTP/1.1\r\nHost: x\r\n\r\n").body == "GET /p other:1");
  CHECK(ask(server->port(), "GET HTTP://other HTTP/1.1\r\nHost: x\r\n\r\n").body == "GET / other");
  CHECK(ask(server->port(), "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n").body == "OPTIONS * x");
}

TEST_CASE("clients that vanish leave nothing behind") {
  tally reached;
  http::server_config config;
  config.workers = 2;
  const auto server = serve(
      [&](http::request& x) {
        reached.add();
        http::response answer;
        answer.body.assign(x.body.size() + 300'000, 'x');
        return answer;
      },
      config);
  const auto whole = post("/x", std::string(10'000, 'b'));
  for (std::size_t part = 1; part < whole.size(); part += whole.size() / 40) {
    raw_client gone(server->port());
    gone.send(whole.substr(0, part));
    if (part % 2 == 0)
      gone.reset();
  }
  for (int i = 0; i < 20; ++i) {
    raw_client gone(server->port());
    gone.send(whole);
    gone.reset();
  }
  raw_client last(server->port());
  last.send(whole);
  CHECK(last.read_answer().body.size() == 310'000);
  server->drain(std::chrono::steady_clock::now() + std::chrono::seconds(20));
  CHECK(server->figures().connections == 0);
  CHECK(server->figures().queued == 0);
}

TEST_CASE("a client that sends no more still has its answer") {
  const auto server = serve([](http::request& x) {
    http::response answer;
    answer.body = x.path;
    return answer;
  });
  raw_client client(server->port());
  client.send(get("/a") + get("/b"));
  client.half_close();
  CHECK(client.read_answer().body == "/a");
  CHECK(client.read_answer().body == "/b");
  CHECK(client.is_closed());
}
