#include "event_fixture.hpp"

#include "gateway/api/log_stream.hpp"
#include "muster/store/log_streams.hpp"

#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

// Logs that are followed: by whoever writes them, and by what is committed of their tasks.

using namespace muster;
using namespace muster::test;
using namespace muster::gateway;
using next = http::body_stream::next;
using watched = log_followers::watched;

namespace {

/// A workflow whose task `one` the test runs by hand.
class log_bench : public event_fixture {
public:
  log_bench() { std::filesystem::create_directories(file(0).parent_path()); }

  [[nodiscard]] std::filesystem::path file(std::uint32_t attempt) const {
    return directory.log("flow-1", "one", attempt);
  }

  void write(const std::string& text, std::uint32_t attempt = 0) const {
    std::ofstream(file(attempt), std::ios::app | std::ios::binary) << text;
  }

  /// The task's attempt has come so far.
  void become(status s, std::uint32_t attempt = 0) {
    event x;
    x.type = event_type::task_status;
    x.workflow = first;
    x.status = s;
    x.attempt = attempt;
    x.time = timestamp{duration{1'700'000'000'000'000}};
    must(writer.append(x));
    commit();
  }

  void start(std::uint32_t attempt = 0) {
    become(status::processing, attempt);
    become(status::running, attempt);
  }

  [[nodiscard]] log_request request(std::optional<std::uint32_t> attempt = {}, std::uint64_t offset = 0) const {
    log_request x;
    x.workflow = "flow-1";
    x.key = first;
    x.task = "one";
    x.attempt = attempt;
    x.offset = offset;
    x.follow = true;
    x.all_attempts = true;
    return x;
  }

  [[nodiscard]] std::unique_ptr<http::body_stream> follow(const log_request& what) {
    return std::make_unique<log_stream>(log_sources{directory, readers, feed}, must(followers.admit()), what);
  }

  std::shared_ptr<reader_pool> readers = std::make_shared<reader_pool>(directory);
  log_followers followers{4};
};

} // namespace

TEST_CASE("what is written to a log that is followed comes at once") {
  log_bench x;
  x.start();
  x.write("zero\n");
  stream_client client{x.follow(x.request(0))};
  CHECK(client.drain() == next::wait);
  CHECK(client.text == "zero\n");
  std::string all = client.text;
  for (int i = 0; i < 50; ++i) {
    const auto line = "line " + std::to_string(i) + "\n";
    client.expect_wake([&] { x.write(line); });
    all += line;
    client.read_until([&] { return client.text.size() >= all.size(); });
    REQUIRE(client.text == all);
  }
  client.expect_wake([&] { x.become(status::completed); });
  client.read_until([&] { return client.last() == next::end; });
  CHECK(client.text == all);
}

TEST_CASE("bytes that come while a log is read are neither lost nor doubled, wherever it was begun") {
  constexpr std::size_t total = 2'000'000;
  log_bench x;
  x.start();
  std::string all;
  for (std::size_t i = 0; all.size() < total; ++i)
    all += std::to_string(i) + (i % 7 == 0 ? "\n" : " ");
  std::thread writing{[&] {
    std::mt19937 random{3};
    std::ofstream out(x.file(0), std::ios::app | std::ios::binary);
    for (std::size_t at = 0; at < all.size();) {
      const auto count = std::min<std::size_t>(1 + random() % 5000, all.size() - at);
      out.write(all.data() + at, static_cast<std::streamsize>(count)).flush();
      at += count;
    }
    out.close();
    x.become(status::completed);
  }};
  // Each client takes some, leaves, and another one goes on where it was.
  std::mt19937 random{5};
  std::string seen;
  int clients = 0;
  for (bool ended = false; !ended; ++clients) {
    stream_client client{x.follow(x.request(0, seen.size()))};
    const auto enough = 1 + random() % 300'000;
    client.read_until([&] { return client.text.size() >= enough || client.last() == next::end; },
                      1 + random() % 20'000);
    seen += client.text;
    ended = client.last() == next::end;
  }
  writing.join();
  CHECK(seen.size() == all.size());
  CHECK(seen == all);
  CHECK(clients > 3);
}

TEST_CASE("who follows a task that was not started yet waits for it, and for a log that comes later still") {
  log_bench x;
  stream_client client{x.follow(x.request())};
  CHECK(client.drain() == next::wait);
  client.expect_wake([&] { x.become(status::processing); });
  client.expect_wake([&] { x.become(status::running); });
  CHECK(client.drain() == next::wait);
  CHECK(client.text.empty());
  client.expect_wake([&] { x.write("here\n"); }); // The file comes with its first bytes.
  client.read_until([&] { return !client.text.empty(); });
  CHECK(client.text == "here\n");
  x.become(status::completed);
  client.read_until([&] { return client.last() == next::end; });
  CHECK(client.text == "here\n");
}

TEST_CASE("who follows a task sees the logs of all its attempts, one behind the other, to its end") {
  log_bench x;
  x.start();
  stream_client client{x.follow(x.request(0))};
  stream_client only{[&] {
    auto what = x.request(0);
    what.all_attempts = false;
    return x.follow(what);
  }()};
  x.write("first\n");
  client.read_until([&] { return client.text == "first\n"; });
  x.write("last words\n");
  x.become(status::rescheduled);
  only.read_until([&] { return only.last() == next::end; });
  CHECK(only.text == "first\nlast words\n"); // Who follows one attempt is done.
  client.read_until([&] { return client.text == "first\nlast words\n"; });
  CHECK(client.drain() == next::wait);
  x.become(status::processing, 1);
  x.become(status::running, 1);
  x.write("second\n", 1);
  client.read_until([&] { return client.text == "first\nlast words\nsecond\n"; });
  CHECK(client.drain() == next::wait);
  x.become(status::completed, 1);
  client.read_until([&] { return client.last() == next::end; });
  CHECK(client.text == "first\nlast words\nsecond\n");
}

TEST_CASE("attempts that came and went while a follower did not read are all read") {
  log_bench x;
  x.start();
  stream_client client{x.follow(x.request(0))};
  CHECK(client.drain() == next::wait);
  std::string all;
  for (std::uint32_t i = 0; i < 5; ++i) {
    if (i > 0)
      x.start(i);
    const auto line = "attempt " + std::to_string(i) + "\n";
    if (i != 2) // It had nothing to say.
      x.write(line, i);
    all += i == 2 ? "" : line;
    x.become(i == 4 ? status::completed : status::rescheduled, i);
  }
  client.read_until([&] { return client.last() == next::end; }, 5);
  CHECK(client.text == all);
}

TEST_CASE("a follower of one task is not woken by what happens to another") {
  log_bench x;
  x.start();
  const auto other = x.submit("other", "bob");
  stream_client probe{*x.feed, from(0)};
  // Its own events so far are passed on: who reads them from the store may be ahead of that.
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{60};
  while (x.feed->head() < x.writer.latest() && std::chrono::steady_clock::now() < until)
    std::this_thread::yield();
  REQUIRE_FALSE(x.feed->head() < x.writer.latest());
  stream_client client{x.follow(x.request(0))};
  CHECK(client.drain() == next::wait);
  x.append(event_type::task_status, other, 0, status::processing);
  x.commit();
  probe.read_to(x.writer.latest().value);
  CHECK(client.wakes() == 0);
}

TEST_CASE("a follower of a log with limit and stream ends where it was told") {
  log_bench x;
  x.start();
  auto what = x.request(0, 2);
  what.limit = 6;
  stream_client some{x.follow(what)};
  x.write("0123");
  some.read_until([&] { return some.text.size() == 2; });
  x.write("456789");
  some.read_until([&] { return some.last() == next::end; });
  CHECK(some.text == "234567");
}

TEST_CASE("the middle of a log that is followed may be cut out") {
  log_bench x;
  x.start();
  stream_client client{x.follow(x.request(0))};
  x.write(std::string(200'000, 'a'));
  client.read_until([&] { return client.text.size() == 200'000; });
  std::filesystem::resize_file(x.file(0), 1000); // As the driver does, and writes on.
  x.write("[cut]\nend\n");
  client.read_until([&] { return client.text.find("end\n") != std::string::npos; });
  x.become(status::completed);
  client.read_until([&] { return client.last() == next::end; });
}

TEST_CASE("where the kernel does not tell of files, logs are looked at") {
  log_bench x;
  x.start();
  std::filesystem::remove_all(x.file(0).parent_path()); // Neither the file nor its folder can be watched.
  stream_client client{x.follow(x.request(0))};
  CHECK(client.drain() == next::wait);
  CHECK(client.body().deadline() < std::chrono::steady_clock::now() + std::chrono::seconds{1});
  std::filesystem::create_directories(x.file(0).parent_path());
  x.write("there\n");
  CHECK(client.drain() == next::wait);
  CHECK(client.text == "there\n");
  CHECK(client.body().deadline() > std::chrono::steady_clock::now() + std::chrono::seconds{1}); // From now on it tells.
}

TEST_CASE("followers have places, one watch each, and give them back") {
  log_bench x;
  x.write("");
  std::vector<std::unique_ptr<log_followers::place>> places;
  for (int i = 0; i < 4; ++i)
    places.push_back(must(x.followers.admit()));
  CHECK(x.followers.count() == 4);
  const auto refused = x.followers.admit();
  REQUIRE_FALSE(refused);
  CHECK(refused.failure().code == ec::unavailable);
  std::mutex mutex;
  std::condition_variable changed;
  std::array<int, 4> wakes{};
  const auto woken = [&](std::size_t i) {
    std::unique_lock lock{mutex};
    return changed.wait_for(lock, std::chrono::seconds{30}, [&] { return wakes[i] > 0; });
  };
  for (std::size_t i = 0; i < 4; ++i)
    places[i]->set_waker([&, i] {
      const std::lock_guard lock{mutex};
      ++wakes[i];
      changed.notify_all();
    });
  CHECK(places[0]->watch(x.file(0)) == watched::file);
  CHECK(places[1]->watch(x.file(0)) == watched::file);
  CHECK(places[2]->watch(x.file(7)) == watched::folder);
  CHECK(places[3]->watch(x.file(0).parent_path() / "none" / "log") == watched::not_at_all);
  x.write("a");
  CHECK(woken(0));
  CHECK(woken(1));
  CHECK(wakes[2] == 0);
  x.write("b", 7);
  CHECK(woken(2));
  CHECK(places[2]->watch(x.file(7)) == watched::file);
  // One of two that watch the same file leaves; the other stays.
  places[0].reset();
  {
    const std::lock_guard lock{mutex};
    wakes = {};
  }
  x.write("c");
  CHECK(woken(1));
  CHECK(wakes[0] == 0);
  CHECK(x.followers.count() == 3);
  CHECK(x.followers.admit());
}

TEST_CASE("a log is not followed on by whoever counts no more") {
  log_bench x;
  x.start();
  x.write("zero\n");
  bool counts = true;
  log_sources with{x.directory, x.readers, x.feed, [&counts] { return counts; }, std::chrono::milliseconds{0}};
  stream_client client{std::make_unique<log_stream>(with, must(x.followers.admit()), x.request(0))};
  CHECK(client.drain() == next::wait);
  counts = false;
  x.write("one\n");
  CHECK(client.ask() == next::fail);
  CHECK(client.text == "zero\n");
}

TEST_CASE("places are for all and for each user, and can become fewer") {
  places some{{3, 2}, "things are open", "go away"};
  {
    const auto one = some.take("ada");
    const auto two = some.take("ada");
    REQUIRE(two);
    const auto refused = some.take("ada");
    REQUIRE_FALSE(refused);
    CHECK(refused.failure().code == ec::unavailable);
    CHECK(refused.failure().message ==
          "2 things are open for user ada already, and no more can be: try again later, or go away");
    const auto other = some.take("bob");
    CHECK(other);
    CHECK_FALSE(some.take(std::nullopt));
    CHECK(some.count() == 3);
    some.set_bounds(places::quarter_of(0));
  }
  CHECK(some.count() == 0);
  const auto last = some.take({});
  CHECK(last);
  CHECK_FALSE(some.take("bob"));
}

TEST_CASE("one user has a share of the places, and whoever runs the service all of them") {
  log_followers eight{8};
  std::vector<std::unique_ptr<log_followers::place>> places;
  for (int i = 0; i < 2; ++i)
    places.push_back(must(eight.admit("ada")));
  const auto refused = eight.admit("ada");
  REQUIRE_FALSE(refused);
  CHECK(refused.failure().code == ec::unavailable);
  CHECK_THAT(refused.failure().message, ContainsSubstring("2 logs are followed for user ada already"));
  CHECK(eight.admit("bob"));
  places.pop_back();
  places.push_back(must(eight.admit("ada")));
  for (int i = 0; i < 6; ++i)
    places.push_back(must(eight.admit()));
  CHECK_FALSE(eight.admit());
  CHECK_FALSE(eight.admit("bob"));
}
