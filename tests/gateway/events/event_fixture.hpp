#pragma once

#include "gateway/events/event_stream.hpp"
#include "gateway/events/feed.hpp"
#include "muster/store/reader.hpp"
#include "muster/store/writer.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace muster::test {

/// The value, or the test fails with the error's message.
template <class T>
T must(result<T> x) {
  if (!x)
    FAIL(to_string(x.failure().code) << ": " << x.failure().message);
  return std::move(*x);
}
inline void must(const result<void>& x) {
  if (!x)
    FAIL(to_string(x.failure().code) << ": " << x.failure().message);
}

/// A log that the test writes, and the feed behind it.
class event_fixture {
public:
  explicit event_fixture(std::size_t ring_bytes = 1U << 20U, std::size_t page = 512)
      : directory{folder_.path()}, writer{must(store::writer::open(directory))} {
    first = submit("flow", "ada");
    gateway::feed_config x{directory};
    x.ring_bytes = ring_bytes;
    x.page = page;
    feed = must(gateway::event_feed::start(x));
  }

  /// A workflow of one group with two tasks, `one` and `two`; durable.
  workflow_key submit(const std::string& name, const std::string& user) {
    store::submission s;
    s.time = timestamp{duration{1'700'000'000'000'000}};
    s.name = name;
    s.user = user;
    s.spec_text = "workflow: {}";
    s.groups.push_back({"gang", true, true, {}, status::waiting});
    s.tasks.push_back({"one", {0}, true, "{}", "{}", status::waiting});
    s.tasks.push_back({"two", {0}, false, "{}", "{}", status::waiting});
    const auto made = must(writer.submit(s));
    commit();
    return made.key;
  }

  void append(event_type type, workflow_key of, std::uint32_t task = 0, status s = status::waiting) {
    event x;
    x.type = type;
    x.workflow = of;
    x.task = {task};
    x.status = s;
    x.time = timestamp{duration{1'700'000'000'000'000}};
    must(writer.append(x));
  }

  void commit() {
    must(writer.commit());
    if (feed)
      feed->notify();
  }

  /// So many events of the first workflow, one commit.
  void happen(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
      append(event_type::workflow_resumed, first);
    commit();
  }

  store::reader reader() const { return must(store::reader::open(directory)); }

  temporary_folder folder_;
  store::state_directory directory;
  store::writer writer;
  workflow_key first;
  std::shared_ptr<gateway::event_feed> feed;
};

/// The client of one stream, without a socket.
class stream_client {
public:
  explicit stream_client(std::unique_ptr<http::body_stream> body) : body_(std::move(body)) {
    body_->start([shared = shared_] {
      const std::lock_guard lock{shared->mutex};
      ++shared->wakes;
      shared->changed.notify_all();
    });
  }
  stream_client(gateway::event_feed& feed, gateway::event_stream_config x)
      : stream_client(gateway::make_event_stream(feed, std::move(x))) {}

  /// Asks once.
  http::body_stream::next ask(std::size_t room = 64 * 1024) {
    std::string out;
    last_ = body_->produce(out, room);
    text += out;
    largest = std::max(largest, out.size());
    return last_;
  }

  /// Asks until it has nothing more now, or ends.
  http::body_stream::next drain(std::size_t room = 64 * 1024) {
    for (;;)
      if (const auto said = ask(room); said != http::body_stream::next::more)
        return said;
  }

  /// Reads until the event of that number has come.
  void read_to(std::uint64_t seq, std::size_t room = 64 * 1024) {
    read_until([&] { return last_event() >= seq; }, room);
  }

  /// Reads until `done`. When the stream has nothing more for now, it is asked again when it wakes, and only then.
  template <class Condition>
  void read_until(Condition done, std::size_t room = 64 * 1024) {
    REQUIRE(try_read_until(done, room));
  }
  /// The same for threads of a test: false if it did not wake in time, or ended.
  template <class Condition>
  bool try_read_until(Condition done, std::size_t room = 64 * 1024) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{60};
    while (!done()) {
      const auto before = wakes();
      const auto said = ask(room);
      if (said == http::body_stream::next::more)
        continue;
      if (done())
        return true;
      if (said != http::body_stream::next::wait)
        return false;
      std::unique_lock lock{shared_->mutex};
      if (!shared_->changed.wait_until(lock, deadline, [&] { return shared_->wakes != before; }))
        return false;
    }
    return true;
  }
  /// Reads until the stream has nothing more for now, does `what`, and waits until that woke it.
  template <class Action>
  void expect_wake(Action what) {
    REQUIRE(drain() == http::body_stream::next::wait);
    const auto before = wakes();
    what();
    std::unique_lock lock{shared_->mutex};
    REQUIRE(shared_->changed.wait_for(lock, std::chrono::seconds{60}, [&] { return shared_->wakes != before; }));
  }
  /// The last event that came; 0 if none did. Of an event stream.
  [[nodiscard]] std::uint64_t last_event() const {
    auto at = text.rfind("id: ");
    while (at != std::string::npos && at != 0 &&
           (text[at - 1] != '\n' || text.compare(text.find('\n', at) + 1, 15, "event: bookmark") == 0))
      at = text.rfind("id: ", at - 1);
    return at == std::string::npos ? 0 : std::stoull(text.substr(at + 4, 20));
  }
  /// What it said when it was asked last.
  [[nodiscard]] http::body_stream::next last() const noexcept { return last_; }

  [[nodiscard]] std::size_t wakes() const {
    const std::lock_guard lock{shared_->mutex};
    return shared_->wakes;
  }

  /// Numbers of the events that came, in order; of bookmarks those of `bookmarks`. Of an event stream.
  [[nodiscard]] std::vector<std::uint64_t> events() const { return numbers(false); }
  [[nodiscard]] std::vector<std::uint64_t> bookmarks() const { return numbers(true); }

  [[nodiscard]] http::body_stream& body() { return *body_; }

  std::string text;
  std::size_t largest = 0;

private:
  struct shared_part {
    std::mutex mutex;
    std::condition_variable changed;
    std::size_t wakes = 0;
  };

  [[nodiscard]] std::vector<std::uint64_t> numbers(bool bookmarks) const {
    std::vector<std::uint64_t> out;
    for (std::size_t at = 0; (at = text.find("id: ", at)) != std::string::npos;) {
      const auto end = text.find('\n', at);
      if (end == std::string::npos)
        break;
      const bool is_bookmark = text.compare(end + 1, 15, "event: bookmark") == 0;
      if (is_bookmark == bookmarks)
        out.push_back(std::stoull(text.substr(at + 4, end - at - 4)));
      at = end;
    }
    return out;
  }

  std::unique_ptr<http::body_stream> body_;
  http::body_stream::next last_ = http::body_stream::next::more;
  std::shared_ptr<shared_part> shared_ = std::make_shared<shared_part>();
};

[[nodiscard]] inline gateway::event_stream_config from(std::uint64_t after) {
  gateway::event_stream_config x;
  x.after = {after};
  return x;
}

/// `first`, `first` + 1, ... `last`.
[[nodiscard]] inline std::vector<std::uint64_t> all_of(std::uint64_t first, std::uint64_t last) {
  std::vector<std::uint64_t> out;
  for (auto i = first; i <= last; ++i)
    out.push_back(i);
  return out;
}

} // namespace muster::test
