#include "support/catch.hpp"

#include "gateway/http/file_stream.hpp"
#include "gateway/http/head.hpp"
#include "gateway/http/range.hpp"
#include "gateway/http/response_head.hpp"
#include "gateway/http/router.hpp"
#include "gateway/http/target.hpp"
#include "muster/base/text.hpp"
#include "support/temporary_folder.hpp"

#include <fcntl.h>
#include <fstream>

using namespace muster;
using muster::http::byte_range;

namespace {

http::request request_of(std::string method, std::string_view target) {
  auto parsed = http::parse_target(target);
  REQUIRE(parsed);
  http::request x;
  x.method = std::move(method);
  x.path = std::move(parsed->path);
  x.parts = std::move(parsed->parts);
  return x;
}

http::handler answers(std::string name) {
  return [name](http::request& x) {
    http::response out;
    out.body = name;
    for (const auto& [key, value] : x.segments)
      out.body += " " + key + "=" + value;
    return out;
  };
}

} // namespace

TEST_CASE("a path is split before it is decoded") {
  const auto x = http::parse_target("/a%2Fb/c%20d?x=1&y=a%26b&z=a+b&&w");
  REQUIRE(x);
  CHECK(x->parts == std::vector<std::string>{"a/b", "c d"});
  CHECK(x->query ==
        std::vector<std::pair<std::string, std::string>>{{"x", "1"}, {"y", "a&b"}, {"z", "a b"}, {"w", ""}});
  CHECK(http::parse_target("/")->parts.empty());
  CHECK(http::parse_target("/?a")->query.size() == 1);
  CHECK(http::parse_target("https://h?a=/b")->authority == "h");
}

TEST_CASE("what is encoded decodes to itself") {
  std::string all;
  for (int i = 1; i < 256; ++i)
    all += static_cast<char>(i);
  CHECK(*http::percent_decode(percent_encode(all)) == all);
}

TEST_CASE("a route is found by its literal parts first") {
  http::router routes;
  routes.add("GET", "/v1/{kind}", answers("kind"));
  routes.add("GET", "/v1/nodes", answers("nodes"));
  routes.add("GET", "/v1/w/{id}/files/{path*}", answers("files"));
  routes.add("GET", "/v1/w/{id}/files/{name}", answers("one"));
  routes.add("POST", "/v1/nodes", answers("post"));
  routes.add("GET", "/", answers("root"));
  const auto route = [&](std::string method, std::string_view target) {
    auto x = request_of(std::move(method), target);
    return routes.route(x);
  };
  CHECK(route("GET", "/v1/nodes").body == "nodes");
  CHECK(route("HEAD", "/v1/nodes").body == "nodes");
  CHECK(route("POST", "/v1/nodes").body == "post");
  CHECK(route("GET", "/v1/other").body == "kind kind=other");
  CHECK(route("GET", "/v1/a%2Fb").body == "kind kind=a/b");
  CHECK(route("GET", "/v1/w/x-1/files/a").body == "one id=x-1 name=a");
  CHECK(route("GET", "/v1/w/x-1/files/a/b%20c").body == "files id=x-1 path=a/b c");
  CHECK(route("GET", "/v1/w/x-1/files/a/..%2Fb").status == 404);
  CHECK(route("GET", "/v1/w/x-1/files").status == 404);
  CHECK(route("GET", "/").body == "root");
  const auto refused = route("PUT", "/v1/nodes");
  CHECK(refused.status == 405);
  CHECK(refused.headers.find("allow")->second == "GET, HEAD, OPTIONS, POST");
  CHECK(route("OPTIONS", "/v1/nodes").status == 204);
  CHECK(routes.pattern_of(request_of("GET", "/v1/w/secret/files/a/b")) == "/v1/w/{id}/files/{path*}");
  CHECK(routes.pattern_of(request_of("PUT", "/v1/nodes")) == "/v1/nodes");
  CHECK(routes.pattern_of(request_of("GET", "/none/at/all")).empty());
  CHECK(routes.routes().size() == 6);
}

TEST_CASE("one range is understood, others are ignored") {
  const auto is = [](std::string_view text, std::uint64_t size, byte_range::kind kind, std::uint64_t first = 0,
                     std::uint64_t count = 0) {
    const auto x = http::parse_range(text, size);
    INFO(text);
    CHECK(x.what == kind);
    if (kind == byte_range::kind::some) {
      CHECK(x.first == first);
      CHECK(x.size == count);
    }
  };
  using kind = byte_range::kind;
  is("bytes=0-0", 10, kind::some, 0, 1);
  is("bytes=2-", 10, kind::some, 2, 8);
  is("bytes=2-100", 10, kind::some, 2, 8);
  is("bytes=-3", 10, kind::some, 7, 3);
  is("bytes=-30", 10, kind::some, 0, 10);
  is("bytes=9-99999999999999999999999", 10, kind::some, 9, 1);
  is("bytes=10-", 10, kind::none);
  is("bytes=99999999999999999999999-", 10, kind::none);
  is("bytes=-0", 10, kind::none);
  is("bytes=0-", 0, kind::none);
  is("bytes=5-2", 10, kind::all);
  is("bytes=0-1,4-5", 10, kind::all);
  is("bytes=a-", 10, kind::all);
  is("bytes=1-b", 10, kind::all);
  is("bytes=-", 10, kind::all);
  is("bytes=", 10, kind::all);
  is("lines=1-2", 10, kind::all);
  CHECK(http::content_range(http::parse_range("bytes=2-4", 10), 10) == "bytes 2-4/10");
  CHECK(http::content_range(http::parse_range("bytes=10-", 10), 10) == "bytes */10");
}

TEST_CASE("entity tags are found in lists") {
  CHECK(http::names_tag("\"a\", \"b\"", "\"b\"", false));
  CHECK(http::names_tag("*", "\"b\"", false));
  CHECK(http::names_tag("W/\"b\"", "\"b\"", true));
  CHECK_FALSE(http::names_tag("W/\"b\"", "\"b\"", false));
  CHECK_FALSE(http::names_tag("\"ab\"", "\"b\"", false));
  CHECK_FALSE(http::names_tag("", "\"b\"", false));
}

TEST_CASE("dates are written as HTTP has them, and only such are read") {
  CHECK(http::http_date(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(http::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT") == 784111777);
  for (const auto* text : {"Mon, 06 Nov 1994 08:49:37 GMT", "Sun, 31 Feb 1994 08:49:37 GMT", "",
                           "Sun, 06 Nov 1994 08:49:37", "Sunday, 06-Nov-94 08:49:37 GMT"})
    CHECK_FALSE(http::parse_http_date(text));
}

TEST_CASE("a part of a file is sent, and a file that became shorter fails") {
  const test::temporary_folder folder;
  const auto file = folder.path() / "f";
  std::ofstream(file) << "0123456789";
  const auto all_of = [&](std::uint64_t first, std::uint64_t size, std::size_t room) {
    http::file_stream x(::open(file.c_str(), O_RDONLY | O_CLOEXEC), first, size);
    std::string out;
    for (;;) {
      const auto next = x.produce(out, room);
      if (next != http::body_stream::next::more)
        return std::pair(out, next);
    }
  };
  using next = http::body_stream::next;
  CHECK(all_of(2, 5, 100) == std::pair(std::string("23456"), next::end));
  CHECK(all_of(0, 10, 3) == std::pair(std::string("0123456789"), next::end));
  CHECK(all_of(5, 10, 3).second == next::fail);
}
