#include "gateway/client/api.hpp"
#include "gateway/client/events.hpp"
#include "gateway/client/http_client.hpp"
#include "gateway/client/lines.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <deque>
#include <fstream>

using namespace muster;
using namespace muster::client;

namespace {

/// What one request for events is answered with.
struct scripted {
  std::vector<std::string> pieces;
  outcome<stream_end> end = stream_end::broken;
};

/// A head whose streams are written down.
class scripted_head final : public api {
public:
  explicit scripted_head(std::deque<scripted> all) : all_(std::move(all)) {}

  outcome<reply> send(const request&) override { return problem{500, "internal", "not asked for", {}}; }

  outcome<stream_end> stream(const request& x, const on_piece& piece, const on_tick&,
                             std::map<std::string, std::string>* headers) override {
    for (const auto& [name, value] : x.query)
      if (name == "after" || name == "from")
        asked.push_back(value);
    const auto id = x.headers.find("Muster-Log-Id");
    logs.push_back(id == x.headers.end() ? "" : id->second);
    if (all_.empty())
      return problem{410, "gone", "no more is written down", {}};
    const auto now = std::move(all_.front());
    all_.pop_front();
    if (headers != nullptr)
      (*headers)["x-muster-log-id"] = "log-1";
    for (const auto& one : now.pieces)
      if (!piece(one))
        return stream_end::stopped;
    return now.end;
  }

  [[nodiscard]] std::string name() const override { return "scripted"; }

  std::vector<std::string> asked;
  std::vector<std::string> logs;

private:
  std::deque<scripted> all_;
};

std::string line(unsigned seq) {
  return "{\"seq\":" + std::to_string(seq) + ",\"type\":\"task.status\"}\n";
}

} // namespace

TEST_CASE("names in paths and queries are escaped") {
  CHECK(path_of({"workflows", "a-1", "tasks", "x/../y z"}) == "/v1/workflows/a-1/tasks/x%2F..%2Fy%20z");
  CHECK(query_text({{"a", "1&2"}, {"b", ""}}) == "?a=1%262&b=");
  CHECK(query_text({}).empty());
}

TEST_CASE("lines are put together again, however they are cut") {
  const std::string text = "one\ntwo\r\n\nthree\nrest";
  for (std::size_t size = 1; size < text.size(); ++size) {
    line_joiner x;
    std::vector<std::string> got;
    for (std::size_t at = 0; at < text.size(); at += size)
      CHECK(x.feed(std::string_view{text}.substr(at, size), [&](std::string_view one) {
        got.emplace_back(one);
        return true;
      }));
    CHECK(got == std::vector<std::string>{"one", "two", "", "three"});
  }
}

TEST_CASE("problems say what the head says, or as much as can be told") {
  const auto known = problem_of(409, R"({"code":"conflict","detail":"it is finished","status":409})");
  CHECK(known.code == "conflict");
  CHECK(known.detail == "it is finished");
  CHECK_FALSE(known.body.empty());
  const auto proxy = problem_of(502, "<html>\nBad Gateway");
  CHECK(proxy.code == "http_502");
  CHECK_THAT(proxy.detail, ContainsSubstring("502"));
  CHECK(problem_of(500, "").status == 500);
  CHECK(problem_of(400, "[1]").code == "http_400");
}

TEST_CASE("a follower goes on behind the last event, and tells each once") {
  scripted_head head({{{line(1), line(2).substr(0, 9)}, stream_end::broken},
                      {{}, problem{0, "unreachable", "away", {}}},
                      {{line(2) + line(2) + line(3)}, stream_end::finished},
                      {{"{\"type\":\"bookmark\",\"seq\":7}\n", "nonsense\n"}, stream_end::broken},
                      {{line(8)}, stream_end::broken}});
  std::vector<std::uint64_t> seen;
  std::vector<std::uint64_t> bookmarks;
  std::size_t lost = 0;
  event_handler handler;
  handler.on_event = [&](std::uint64_t seq, std::string_view) {
    seen.push_back(seq);
    return true;
  };
  handler.on_bookmark = [&](std::uint64_t seq) { bookmarks.push_back(seq); };
  handler.on_lost = [&](const problem&) { ++lost; };
  const auto ended = follow_events(head, {0, {}}, handler);
  REQUIRE_FALSE(ended.ok());
  CHECK(ended.why().status == 410);
  CHECK(seen == std::vector<std::uint64_t>{1, 2, 3, 8});
  CHECK(bookmarks == std::vector<std::uint64_t>{7});
  CHECK(head.asked == std::vector<std::string>{"0", "1", "1", "3", "7", "8"});
  CHECK(lost == 1);
  CHECK(head.logs.front().empty());
  CHECK(head.logs.back() == "log-1"); // A log that was made anew must not pass for this one.
}

TEST_CASE("a follower ends when it is told to, and at what trying again cannot help") {
  scripted_head head({{{line(1) + line(2)}, stream_end::broken}});
  event_handler handler;
  handler.on_event = [](std::uint64_t seq, std::string_view) { return seq < 1; };
  const auto stopped = follow_events(head, {0, {}}, handler);
  REQUIRE(stopped.ok());
  CHECK(*stopped == stream_end::stopped);
  scripted_head closed({{{}, problem{401, "unauthorized", "no token", {}}}});
  CHECK(follow_events(closed, {5, {}}, handler).why().status == 401);
  scripted_head away({{{}, problem{0, "unreachable", "away", {}}}});
  handler.tick = [] { return false; };
  CHECK(*follow_events(away, {5, {}}, handler) == stream_end::stopped);
}

TEST_CASE("a follower that is told no number begins with what there still is") {
  scripted_head head({{{line(7)}, stream_end::broken}});
  event_handler handler;
  handler.on_event = [](std::uint64_t, std::string_view) { return true; };
  CHECK(follow_events(head, {{}, {}}, handler).why().status == 410);
  CHECK(head.asked == std::vector<std::string>{"earliest", "7"});
}

TEST_CASE("a head that stays away is an error, also where its streams end well") {
  event_handler handler;
  handler.on_event = [](std::uint64_t, std::string_view) { return true; };
  scripted_head away({{{}, problem{0, "unreachable", "away", {}}}});
  CHECK(follow_events(away, {5, {}}, handler, std::chrono::milliseconds{-1}).why().detail == "away");
  scripted_head ends({{{}, stream_end::finished}});
  const auto ended = follow_events(ends, {5, {}}, handler, std::chrono::milliseconds{-1});
  REQUIRE_FALSE(ended.ok());
  CHECK(ended.why().unreachable());
  CHECK_THAT(ended.why().detail, ContainsSubstring("scripted broke off"));
}

TEST_CASE("addresses that are none are refused before anybody is asked") {
  for (const auto* bad : {"", "localhost:7717", "ftp://x", "http://a b", "http://u:p@h", "http://h?x", "unix://rel"}) {
    INFO(bad);
    CHECK_FALSE(http_client::make({bad, {}, {}}).ok());
  }
  CHECK(http_client::make({"http://127.0.0.1:1/", {}, {}}).ok());
}

TEST_CASE("a token is the first line of its file") {
  const test::temporary_folder folder;
  const auto path = folder.path() / "token";
  const auto read = [&](const std::string& text) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
    return read_token(path);
  };
  CHECK(*read("mst_abc\n") == "mst_abc");
  CHECK(*read("  mst_abc  \r\nmore\n") == "mst_abc");
  for (const auto& bad : {std::string{}, std::string{"\n"}, std::string{"a b"}, std::string(5000, 'x')})
    CHECK_FALSE(read(bad).ok());
  CHECK(read_token(folder.path() / "none").failure().code == ec::not_found);
}

TEST_CASE("keys of requests are all different") {
  const auto a = make_idempotency_key();
  CHECK(a.size() == 32);
  CHECK(a != make_idempotency_key());
}
