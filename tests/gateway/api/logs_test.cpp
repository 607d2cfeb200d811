#include "api_fixture.hpp"

#include "gateway/http/target.hpp"
#include "muster/store/log_streams.hpp"
#include "support/catch.hpp"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

using namespace muster;
using namespace muster::test;
using next = muster::http::body_stream::next;

namespace {

/// An answer whose body is not read yet.
http::response open(const api_fixture& api, const std::string& target) {
  auto parsed = http::parse_target(target);
  REQUIRE(parsed);
  http::request x;
  x.method = "GET";
  x.path = parsed->path;
  x.parts = parsed->parts;
  x.query = parsed->query;
  x.peer_is_local = true;
  x.id = "r1";
  x.headers.emplace("Host", "127.0.0.1:7717");
  return api.routes().route(x);
}

std::string header(const http::response& x, const std::string& name) {
  const auto found = x.headers.find(name);
  return found == x.headers.end() ? std::string{} : found->second;
}

/// What a stream says until it ends; it never has to wait here.
std::string read(http::response& x, std::size_t room = 1000) {
  if (x.stream == nullptr)
    return x.body;
  x.stream->start([] {});
  std::string all;
  for (;;) {
    const auto what = x.stream->produce(all, room);
    if (what == next::end)
      return all;
    REQUIRE(what == next::more);
  }
}

class log_fixture : public api_fixture {
public:
  log_fixture() : id(run(spec_of("work"))) {}

  [[nodiscard]] std::filesystem::path file(std::uint32_t attempt = 0) const {
    return services().directory.log(id, "t0", attempt);
  }
  void write(const std::string& text, std::uint32_t attempt = 0) const {
    std::filesystem::create_directories(file(attempt).parent_path());
    std::ofstream(file(attempt), std::ios::app) << text;
  }
  [[nodiscard]] std::string logs(const std::string& query = {}) const {
    return "/v1/workflows/" + id + "/tasks/t0/logs" + query;
  }

  const std::string id;
};

} // namespace

TEST_CASE("a log is read from where it is asked for") {
  const log_fixture x;
  x.write("one\ntwo\nthree\n");
  auto all = open(x, x.logs());
  CHECK(all.status == 200);
  CHECK(header(all, "Content-Type") == "text/plain");
  CHECK(header(all, "X-Muster-Offset") == "0");
  CHECK(header(all, "X-Muster-End-Offset") == "14");
  CHECK(header(all, "X-Muster-Attempt") == "0");
  CHECK(all.stream_length == 14);
  CHECK(read(all, 3) == "one\ntwo\nthree\n");
  auto rest = open(x, x.logs("?offset=4&limit=3"));
  CHECK(read(rest) == "two");
  CHECK(header(rest, "X-Muster-End-Offset") == "7");
  auto last = open(x, x.logs("?tail=1"));
  CHECK(header(last, "X-Muster-Offset") == "8");
  CHECK(read(last) == "three\n");
  for (const auto* hint : {"?index=0", "?index=7"}) { // A wrong one only takes longer.
    auto found = open(x, x.logs(hint));
    CHECK(read(found) == "one\ntwo\nthree\n");
  }
  auto none = open(x, x.logs("?offset=14"));
  CHECK(none.status == 200);
  CHECK(read(none).empty());
}

TEST_CASE("what is added while a log is read is left to the next request") {
  const log_fixture x;
  x.write("one\n");
  auto first = open(x, x.logs());
  x.write("two\n");
  CHECK(read(first) == "one\n");
  auto second = open(x, x.logs("?offset=" + header(first, "X-Muster-End-Offset")));
  CHECK(read(second) == "two\n");
}

TEST_CASE("what cannot be read of a log is said so") {
  const log_fixture x;
  x.write("one\n");
  CHECK(x.get(x.logs("?offset=5")).status == 416);
  CHECK(x.get(x.logs("?offset=5")).body["size"] == 4);
  CHECK(x.get(x.logs("?attempt=1")).status == 404);
  CHECK(x.get(x.logs("?stream=stdout")).status == 422);
  for (const auto* bad : {"?stream=both", "?offset=-1", "?offset=1&tail=1", "?tail=x", "?limit=0", "?folow=true",
                          "?offset=99999999999999999999", "?attempt=4294967296"})
    CHECK(x.get(x.logs(bad)).status == 400);
  CHECK(x.get("/v1/workflows/" + x.id + "/tasks/none/logs").status == 404);
  CHECK(x.get("/v1/workflows/none-1/tasks/t0/logs").status == 404);
  CHECK(x.get("/v1/workflows/" + x.id + "/tasks/..%2F..%2Fmuster.db/logs").status == 404);
}

TEST_CASE("a link in the place of a log is not followed") {
  const log_fixture x;
  std::filesystem::create_directories(x.file().parent_path());
  std::ofstream(x.state() / "secret") << "secret";
  std::filesystem::create_symlink(x.state() / "secret", x.file());
  auto got = open(x, x.logs());
  std::string out;
  if (got.stream != nullptr)
    (void)got.stream->produce(out, 1000);
  CHECK(out.empty());
}

TEST_CASE("streams of a log are told apart where its driver does") {
  const log_fixture x;
  x.write("outerrout");
  std::string runs;
  store::append_run(runs, {store::log_origin::output, 3});
  store::append_run(runs, {store::log_origin::errors, 3});
  store::append_run(runs, {store::log_origin::output, 3});
  std::ofstream(store::streams_of(x.file())) << runs;
  auto out = open(x, x.logs("?stream=stdout"));
  CHECK(read(out) == "outout");
  auto errors = open(x, x.logs("?stream=stderr&offset=4"));
  CHECK(read(errors) == "rr");
}

TEST_CASE("a log of a task that has ended can be followed to its end") {
  const log_fixture x;
  x.write("all of it\n");
  auto got = open(x, x.logs("?follow=true"));
  CHECK_FALSE(got.stream_length);
  CHECK(read(got) == "all of it\n");
  auto one = open(x, x.logs("?follow=true&attempt=0&offset=4"));
  CHECK(read(one) == "of it\n");
}

TEST_CASE("more followers than there may be are sent away") {
  const log_fixture x;
  x.write("line\n");
  std::vector<http::response> open_ones;
  for (int i = 0; i < 1000; ++i) {
    open_ones.push_back(open(x, x.logs("?follow=true")));
    REQUIRE(open_ones.back().status == 200);
  }
  const auto refused = x.get(x.logs("?follow=true"));
  CHECK(refused.status == 503);
  CHECK(refused.body["code"] == "unavailable");
  CHECK_THAT(refused.body["detail"].get<std::string>(), ContainsSubstring("1000 logs are followed already"));
  CHECK_FALSE(refused.header("Retry-After").empty());
  auto plain = open(x, x.logs()); // Who does not follow, needs no place.
  CHECK(read(plain) == "line\n");
  open_ones.pop_back();
  CHECK(open(x, x.logs("?follow=true")).status == 200);
}

TEST_CASE("none of the last lines is the end of a log, however long that is") {
  const log_fixture x;
  x.write("one\ntwo\n");
  auto none = open(x, x.logs("?tail=0"));
  CHECK(none.status == 200);
  CHECK(header(none, "X-Muster-Offset") == "8");
  CHECK(read(none).empty());
}

TEST_CASE("the last lines of a log that is being written are always there") {
  const log_fixture x;
  x.write("begin\n");
  std::atomic<bool> done{false};
  std::thread writing{[&] {
    std::ofstream out(x.file(), std::ios::app);
    while (!done)
      out << "line\n" << std::flush;
  }};
  for (int i = 0; i < 2000; ++i) {
    const auto got = open(x, x.logs("?tail=0"));
    if (got.status != 200)
      CHECK(got.status == 200);
  }
  done = true;
  writing.join();
}
