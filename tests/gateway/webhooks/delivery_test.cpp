#include "event_fixture.hpp"

#include "gateway/http/server.hpp"
#include "gateway/webhooks/dispatcher.hpp"
#include "gateway/webhooks/filter.hpp"
#include "gateway/webhooks/signature.hpp"

#include <nlohmann/json.hpp>

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

using namespace muster;
using namespace muster::test;
using namespace muster::gateway;
using nlohmann::json;

namespace {

std::chrono::steady_clock::time_point deadline() {
  return std::chrono::steady_clock::now() + std::chrono::seconds{60};
}

/// A server that takes webhooks, and answers as the test says.
class receiver {
public:
  receiver() {
    auto started = http::server::start({}, [this](http::request& x) { return take(x); });
    REQUIRE(started);
    server_ = std::move(*started);
  }

  std::function<unsigned(std::size_t index)> answers = [](std::size_t) { return 200U; };

  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(server_->port()) + "/hook"; }

  /// Waits for that many requests.
  std::vector<http::request> wait(std::size_t count) {
    std::unique_lock lock{mutex_};
    REQUIRE(changed_.wait_until(lock, deadline(), [&] { return got_.size() >= count; }));
    std::vector<http::request> out;
    for (auto& x : got_) {
      http::request copy;
      copy.method = x.method;
      copy.path = x.path;
      copy.headers = x.headers;
      copy.body = x.body;
      out.push_back(std::move(copy));
    }
    return out;
  }

  [[nodiscard]] std::size_t count() {
    const std::lock_guard lock{mutex_};
    return got_.size();
  }

private:
  http::response take(http::request& x) {
    const std::lock_guard lock{mutex_};
    http::response out;
    out.status = answers(got_.size());
    if (out.status == 302)
      out.headers.emplace("Location", "/elsewhere");
    got_.push_back(std::move(x));
    changed_.notify_all();
    return out;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<http::request> got_;
  std::unique_ptr<http::server> server_; ///< Last: it ends first.
};

struct webhook_fixture : event_fixture {
  std::mutex mutex;
  std::condition_variable changed;
  timestamp now{duration{1'700'000'000'000'000}};
  std::unique_ptr<webhook_dispatcher> dispatcher;
  std::string secret = *make_webhook_secret();
  webhook_config config;

  webhook_fixture() {
    config.directory = directory;
    config.allow_private = true;
    config.attempts = 3;
    config.events = 4;
    config.record = [this](store::service_change x) { return record(std::move(x)); };
    config.now = [this] {
      const std::lock_guard lock{mutex};
      return now;
    };
  }
  ~webhook_fixture() { dispatcher.reset(); }

  result<std::int64_t> record(store::service_change x) {
    const std::lock_guard lock{mutex};
    auto done = writer.change_service(x);
    if (done)
      must(writer.commit());
    changed.notify_all();
    return done;
  }

  void start() {
    auto started = webhook_dispatcher::start(config, *feed);
    REQUIRE(started);
    dispatcher = std::move(*started);
  }

  void add(const std::string& id, const std::string& url, const webhook_filter& filter = {},
           const std::string& user = {}) {
    store::webhook_record x;
    x.id = id;
    x.url = url;
    x.user = user;
    x.sees_all = user.empty();
    x.filter = to_text(filter);
    x.cursor = {1};
    REQUIRE(record(store::webhook_created{x, secret}));
    if (dispatcher)
      dispatcher->reload();
  }

  void more(std::size_t count, workflow_key of = {1}) {
    const std::lock_guard lock{mutex};
    for (std::size_t i = 0; i < count; ++i)
      append(event_type::workflow_resumed, of);
    commit();
  }

  void turn_clock(std::chrono::seconds x) {
    {
      const std::lock_guard lock{mutex};
      now += x;
    }
    dispatcher->reload();
  }

  /// Waits until its thread has counted that; it does so at least once a second.
  void until_counted(const std::function<bool(const webhook_figures&)>& wanted) const {
    const auto end = deadline();
    while (!wanted(dispatcher->figures())) {
      REQUIRE(std::chrono::steady_clock::now() < end);
      dispatcher->reload();
      std::this_thread::yield();
    }
  }

  /// Waits until what is stored of a webhook is as wanted.
  store::webhook_record until(const std::string& id, const std::function<bool(const store::webhook_record&)>& wanted) {
    std::unique_lock lock{mutex};
    auto r = reader();
    store::webhook_record x;
    REQUIRE(changed.wait_until(lock, deadline(), [&] {
      x = must(r.webhook(id));
      return wanted(x);
    }));
    return x;
  }
};

/// Numbers of the events in these requests, in order.
std::vector<std::uint64_t> events_in(const std::vector<http::request>& all) {
  std::vector<std::uint64_t> out;
  for (const auto& x : all) {
    const auto body = json::parse(x.body);
    for (const auto& e : body.at("data").at("events"))
      out.push_back(e.at("seq"));
  }
  return out;
}

} // namespace

TEST_CASE("a webhook gets every event once and in order, signed") {
  receiver r;
  webhook_fixture f;
  f.add("w1", r.url());
  f.start();
  f.more(3);
  f.until("w1", [](const auto& x) { return x.cursor.value == 4; });
  f.more(10);
  const auto stored = f.until("w1", [](const auto& x) { return x.cursor.value == 14; });
  CHECK(stored.failures == 0);
  CHECK(stored.last_outcome == "200");
  const auto all = r.wait(1);
  CHECK(events_in(all) == all_of(2, 14));
  for (const auto& x : all) {
    CHECK(x.method == "POST");
    CHECK(x.path == "/hook");
    CHECK(x.header("Content-Type") == "application/json");
    const std::string id{x.header("webhook-id").value_or("")};
    const std::string time{x.header("webhook-timestamp").value_or("")};
    CHECK(time == "1700000000");
    CHECK(x.header("webhook-signature") == must(sign_webhook(f.secret, id, std::stoll(time), x.body)));
    const auto body = json::parse(x.body);
    CHECK(body["type"] == "muster.events");
    CHECK(body["log_id"] == f.feed->log_id());
    CHECK(body["data"]["events"].size() <= 4);
    CHECK(body["data"]["events"][0]["seq"] == body["data"]["first_seq"]);
    CHECK(body["timestamp"] == "2023-11-14T22:13:20.000Z");
    CHECK(body["data"]["events"][0]["time"] == "2023-11-14T22:13:20.000Z");
  }
}

TEST_CASE("what fails is sent again, the same, before anything else") {
  receiver r;
  r.answers = [](std::size_t i) { return i < 2 ? 503U : 200U; };
  webhook_fixture f;
  f.add("w1", r.url());
  f.start();
  f.more(2);
  auto x = f.until("w1", [](const auto& w) { return w.failures == 1; });
  f.until_counted([](const webhook_figures& n) { return n.failing == 1 && n.lag >= 1 && n.active == 1; });
  CHECK(x.cursor == sequence{1});
  CHECK(x.last_outcome == "503");
  REQUIRE(x.next);
  CHECK(*x.next > f.now);
  CHECK(*x.next <= f.now + std::chrono::milliseconds{1200});
  f.more(2);
  f.turn_clock(std::chrono::seconds{2});
  f.until("w1", [](const auto& w) { return w.failures == 2; });
  f.turn_clock(std::chrono::seconds{4});
  f.until("w1", [](const auto& w) { return w.cursor.value == 5; });
  f.until_counted([](const webhook_figures& n) { return n.failing == 0 && n.lag == 0; });
  const auto all = r.wait(4);
  CHECK(all[0].body == all[1].body);
  CHECK(all[0].body == all[2].body);
  CHECK(all[0].header("webhook-id") == all[2].header("webhook-id"));
  CHECK(all[0].header("webhook-signature") != all[2].header("webhook-signature"));
  CHECK(json::parse(all[3].body)["data"]["first_seq"] == json::parse(all[0].body)["data"]["last_seq"].get<int>() + 1);
}

TEST_CASE("after too many attempts a message is a dead letter, and the next has its turn") {
  receiver r;
  r.answers = [](std::size_t i) { return i < 3 ? 500U : 200U; };
  webhook_fixture f;
  f.config.events = 1;
  f.add("w1", r.url());
  f.start();
  f.more(2);
  for (std::uint32_t i = 1; i <= 2; ++i) {
    f.until("w1", [i](const auto& w) { return w.failures == i; });
    f.turn_clock(std::chrono::hours{2});
  }
  f.until("w1", [](const auto& w) { return w.cursor.value == 3; });
  const auto dead = must(f.reader().dead_letters("w1", 0, 10));
  REQUIRE(dead.size() == 1);
  CHECK(dead[0].first == sequence{2});
  CHECK(dead[0].last == sequence{2});
  CHECK(dead[0].attempts == 3);
  CHECK(dead[0].problem == "500");
  CHECK(json::parse(dead[0].body)["data"]["first_seq"] == 2);
  CHECK(events_in(r.wait(4)) == std::vector<std::uint64_t>{2, 2, 2, 3});
}

TEST_CASE("a receiver that answers 410 is not called again") {
  receiver r;
  r.answers = [](std::size_t) { return 410U; };
  webhook_fixture f;
  f.add("w1", r.url());
  f.add("w2", r.url());
  f.start();
  f.more(1);
  for (const char* id : {"w1", "w2"})
    CHECK_THAT(f.until(id, [](const auto& w) { return w.state == store::webhook_state::disabled; }).reason,
               ContainsSubstring("410"));
  f.more(5);
  f.turn_clock(std::chrono::hours{5});
  receiver other;
  f.add("w3", other.url());
  f.until("w3", [](const auto& w) { return w.cursor.value == 7; });
  CHECK(r.count() == 2);
}

TEST_CASE("a restart goes on where the cursor is, and with the pauses that were begun") {
  receiver r;
  r.answers = [](std::size_t i) { return i == 1 ? 500U : 200U; };
  webhook_fixture f;
  f.add("w1", r.url());
  f.start();
  f.more(2);
  f.until("w1", [](const auto& w) { return w.cursor.value == 3; });
  const auto before = r.count();
  f.dispatcher.reset();
  f.more(2);
  CHECK(r.count() == before);
  f.start();
  f.until("w1", [](const auto& w) { return w.failures == 1 || w.cursor.value == 5; });
  f.dispatcher.reset();
  f.start();
  f.turn_clock(std::chrono::seconds{10});
  f.until("w1", [](const auto& w) { return w.cursor.value == 5; });
  auto seen = events_in(r.wait(3));
  seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
  std::vector<std::uint64_t> sorted{seen};
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  CHECK(sorted == all_of(2, 5));
}

TEST_CASE("each webhook gets what it asked for, of what its owner may see") {
  receiver mine;
  receiver all;
  receiver one;
  webhook_fixture f;
  const auto other = f.submit("other", "bob"); // 2
  f.add("mine", mine.url(), {}, "ada");
  f.add("all", all.url());
  webhook_filter filter;
  filter.types = {"workflow.resumed"};
  filter.workflows = {"other-1"};
  filter.keys = {other};
  f.add("one", one.url(), filter);
  f.start();
  f.more(1);        // 3
  f.more(1, other); // 4
  f.until("all", [](const auto& w) { return w.cursor.value == 4; });
  f.until("one", [](const auto& w) { return w.cursor.value == 4; });
  f.until("mine", [](const auto& w) { return w.cursor.value >= 3; });
  CHECK(events_in(all.wait(1)) == all_of(2, 4));
  CHECK(events_in(one.wait(1)) == all_of(4, 4));
  CHECK(events_in(mine.wait(1)) == all_of(3, 3));
}

TEST_CASE("an address that may not be called is not even connected to") {
  receiver r;
  webhook_fixture f;
  f.config.allow_private = false;
  // As if a name had led there: the URL itself would have been refused.
  f.add("w1", r.url());
  f.start();
  f.more(1);
  const auto x = f.until("w1", [](const auto& w) { return w.failures == 1; });
  CHECK_THAT(x.last_outcome, ContainsSubstring("no webhook may call"));
  CHECK(r.count() == 0);
}

TEST_CASE("a redirect is not followed, and counts as a failure") {
  receiver r;
  r.answers = [](std::size_t) { return 302U; };
  webhook_fixture f;
  f.add("w1", r.url());
  f.start();
  f.more(1);
  CHECK(f.until("w1", [](const auto& w) { return w.failures == 1; }).last_outcome == "302");
  for (const auto& x : r.wait(1))
    CHECK(x.path == "/hook");
}

TEST_CASE("events that were removed before they were delivered are a dead letter") {
  receiver r;
  webhook_fixture f;
  f.more(9);
  stream_client{*f.feed, from(1)}.read_to(10);
  f.add("w1", r.url());
  {
    const std::lock_guard lock{f.mutex};
    must(f.writer.compact({5}, 100));
    must(f.writer.commit());
  }
  f.feed.reset();
  f.feed = must(event_feed::start({f.directory}));
  f.start();
  f.until("w1", [](const auto& w) { return w.cursor.value == 10; });
  CHECK(events_in(r.wait(1)) == all_of(6, 10));
  const auto dead = must(f.reader().dead_letters("w1", 0, 10));
  REQUIRE(dead.size() == 1);
  CHECK(dead[0].first == sequence{2});
  CHECK(dead[0].last == sequence{5});
}

TEST_CASE("a webhook that is deleted while it is called is forgotten") {
  receiver r;
  webhook_fixture f;
  f.add("w1", r.url());
  f.start();
  f.more(1);
  f.until("w1", [](const auto& w) { return w.cursor.value == 2; });
  REQUIRE(f.record(store::webhook_deleted{"w1"}));
  receiver other;
  f.add("w2", other.url());
  f.until("w2", [](const auto& w) { return w.cursor.value == 2; }); // By now it is known which there are.
  f.more(5);
  f.until("w2", [](const auto& w) { return w.cursor.value == 7; });
  CHECK(events_in(r.wait(1)) == all_of(2, 2));
}

namespace {

store::token_record token(const std::string& id) {
  store::token_record x;
  x.id = id;
  x.user = "ada";
  x.role = store::role::user;
  x.hash = "hash of " + id;
  return x;
}

store::webhook_record made_by(const std::string& token, const std::string& url) {
  store::webhook_record x;
  x.id = "by " + token;
  x.url = url;
  x.token = token;
  x.sees_all = true;
  x.filter = to_text({});
  x.cursor = {1};
  return x;
}

} // namespace

TEST_CASE("a webhook ends with the token that it was made by") {
  receiver r;
  webhook_fixture f;
  auto short_lived = token("t_short");
  short_lived.expires = f.now + std::chrono::hours{1};
  for (const auto& one : {token("t_gone"), token("t_lasting"), short_lived}) {
    REQUIRE(f.record(store::token_created{one}));
    REQUIRE(f.record(store::webhook_created{made_by(one.id, r.url()), f.secret}));
  }
  f.start();
  f.more(1);
  for (const char* id : {"by t_gone", "by t_lasting", "by t_short"})
    f.until(id, [](const auto& w) { return w.cursor.value == 2; });
  REQUIRE(f.record(store::token_revoked{"t_gone", f.now}));
  f.dispatcher->reload();
  const auto revoked = f.until("by t_gone", [](const auto& w) { return w.state == store::webhook_state::disabled; });
  CHECK_THAT(revoked.reason, ContainsSubstring("token t_gone") && ContainsSubstring("revoked"));
  f.turn_clock(std::chrono::hours{2});
  const auto expired = f.until("by t_short", [](const auto& w) { return w.state == store::webhook_state::disabled; });
  CHECK_THAT(expired.reason, ContainsSubstring("expired"));
  const auto before = r.count();
  f.more(1);
  const auto other = f.until("by t_lasting", [](const auto& w) { return w.cursor.value == 3; });
  CHECK(other.state == store::webhook_state::active);
  CHECK(r.count() == before + 1);
  f.dispatcher.reset();
  f.start(); // Nor does a new head take it up again.
  f.more(1);
  f.until("by t_lasting", [](const auto& w) { return w.cursor.value == 4; });
  CHECK(r.count() == before + 2);
}

TEST_CASE("a pause does not grow by a clock that is set back") {
  receiver r;
  r.answers = [](std::size_t i) { return i == 0 ? 503U : 200U; };
  webhook_fixture f;
  f.add("w1", r.url());
  f.start();
  f.more(1);
  f.until("w1", [](const auto& w) { return w.failures == 1; });
  f.turn_clock(-std::chrono::hours{24 * 30});
  CHECK(f.until("w1", [](const auto& w) { return w.cursor.value == 2; }).failures == 0);
}

TEST_CASE("events that were not for a webhook are no loss to it when they are removed") {
  receiver r;
  webhook_fixture f;
  webhook_filter filter;
  filter.types = {"group.status"};
  f.add("rare", r.url(), filter);
  receiver all;
  f.add("all", all.url());
  f.start();
  for (const bool restart : {false, true}) {
    const auto first = f.feed->head().value;
    f.more(20);
    f.until("all", [&](const auto& w) { return w.cursor.value == first + 20; });
    f.turn_clock(std::chrono::minutes{2}); // It is looked at before the next one:
    f.more(1);
    f.until("all", [&](const auto& w) { return w.cursor.value == first + 21; });
    if (restart) {
      f.dispatcher.reset();
      CHECK(must(f.reader().webhook("rare")).cursor.value >= first + 20);
    }
    {
      const std::lock_guard lock{f.mutex};
      must(f.writer.compact({first + 20}, 1000));
      must(f.writer.commit());
    }
    if (restart)
      f.start();
    {
      const std::lock_guard lock{f.mutex};
      f.append(event_type::group_status, f.first);
      f.commit();
    }
    f.until("rare", [&](const auto& w) { return w.cursor.value == first + 22; });
  }
  CHECK(must(f.reader().dead_letters("rare", 0, 10)).empty());
  CHECK(r.count() == 2);
}
