#include "cli/remote/local_api.hpp"

#include "cli/remote/run_watch.hpp"
#include "cli/remote/store_writer.hpp"
#include "gateway/api/problem.hpp"
#include "gateway/api/routes.hpp"
#include "gateway/api/services.hpp"
#include "gateway/events/feed.hpp"
#include "gateway/http/target.hpp"

#include <algorithm>
#include <cctype>
#include <condition_variable>
#include <mutex>

namespace muster::cli {

namespace {

using std::chrono::milliseconds;

/// Wakes who waits for a stream. Streams may ring it after they have ended, so both share it.
class doorbell {
public:
  void ring() {
    const std::lock_guard lock{mutex_};
    rung_ = true;
    changed_.notify_one();
  }
  void wait(milliseconds most) {
    std::unique_lock lock{mutex_};
    changed_.wait_for(lock, most, [this] { return rung_; });
    rung_ = false;
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool rung_ = false;
};

class local_api final : public client::api {
public:
  explicit local_api(const store::state_directory& directory)
      : name_(directory.root().string()), with_(std::make_shared<gateway::services>(directory, 1)),
        routes_(gateway::make_routes(with_)) {
    with_->version = MUSTER_VERSION;
    with_->why_held = [this](const std::string& id) { return is_run_ ? std::string{} : nobody_runs(id); };
  }

  client::outcome<client::reply> send(const client::request& x) override {
    auto answer = ask(x);
    if (answer.status >= 400)
      return client::problem_of(answer.status, answer.body);
    client::reply out{answer.status, headers_of(answer), std::move(answer.body)};
    if (answer.stream)
      (void)pump(*answer.stream,
                 [&out](std::string_view piece) {
                   out.body.append(piece);
                   return true;
                 },
                 {});
    return out;
  }

  client::outcome<client::stream_end> stream(const client::request& x, const client::on_piece& piece,
                                             const client::on_tick& tick,
                                             std::map<std::string, std::string>* headers) override {
    auto answer = ask(x);
    if (answer.status >= 400)
      return client::problem_of(answer.status, answer.body);
    if (headers != nullptr)
      *headers = headers_of(answer);
    if (!answer.body.empty() && !piece(answer.body))
      return client::stream_end::stopped;
    return answer.stream ? pump(*answer.stream, piece, tick) : client::stream_end::finished;
  }

  [[nodiscard]] std::string name() const override { return name_; }

private:
  http::response ask(const client::request& x) {
    http::request in;
    in.method = x.method;
    auto target = http::parse_target(x.path + client::query_text(x.query));
    if (!target)
      return gateway::problem("local", target.failure());
    if (x.path == client::path_of({"events"}))
      if (auto started = start_feed(); !started)
        return gateway::problem("local", to_string(started.failure().code), started.failure().message);
    in.path = std::move(target->path);
    in.parts = std::move(target->parts);
    in.query = std::move(target->query);
    for (const auto& [name, value] : x.headers)
      in.headers.emplace(name, value);
    if (!x.accept.empty())
      in.headers.emplace("Accept", x.accept);
    in.body = x.body;
    in.peer = "127.0.0.1";
    in.peer_is_local = true;
    in.id = "local";
    // Before the store is read: who has run a workflow to its end may be gone right after.
    is_run_ = has_writer(with_->directory);
    return routes_.route(in);
  }

  static std::map<std::string, std::string> headers_of(const http::response& x) {
    std::map<std::string, std::string> out;
    for (const auto& [name, value] : x.headers) {
      auto lower = name;
      std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
      out[lower] = value;
    }
    return out;
  }

  /// Events come from a feed, which reads the store on a thread of its own; so it is made when it is wanted.
  result<void> start_feed() {
    if (with_->feed)
      return {};
    auto made = gateway::event_feed::start({with_->directory});
    if (!made)
      return made.failure();
    with_->feed = std::move(*made);
    return {};
  }

  /// Asks the stream for more until it ends. What it waits for is written by another process, so it is asked again.
  client::stream_end pump(http::body_stream& from, const client::on_piece& piece, const client::on_tick& tick) {
    constexpr std::size_t room = 64 * 1024;
    const auto bell = std::make_shared<doorbell>();
    from.start([bell] { bell->ring(); });
    for (;;) {
      std::string some;
      const auto next = from.produce(some, room);
      if (!some.empty() && !piece(some))
        return client::stream_end::stopped;
      if (next == http::body_stream::next::end)
        return client::stream_end::finished;
      if (next == http::body_stream::next::fail)
        return client::stream_end::broken;
      if (tick && !tick())
        return client::stream_end::stopped;
      if (next == http::body_stream::next::wait) {
        if (with_->feed)
          with_->feed->notify();
        bell->wait(milliseconds{50});
      }
    }
  }

  std::string name_;
  std::shared_ptr<gateway::services> with_;
  http::router routes_;
  bool is_run_ = true;
};

} // namespace

std::unique_ptr<client::api> make_local_api(const store::state_directory& directory) {
  return std::make_unique<local_api>(directory);
}

} // namespace muster::cli
