#pragma once

#include "gateway/http/stream.hpp"

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace muster::test {

/// What a test lets a stream say, and what it sees of it. Outlives the stream.
class script {
public:
  void say(std::string text) {
    change([&] { texts_.push_back(std::move(text)); });
  }
  void end(http::body_stream::next how = http::body_stream::next::end) {
    change([&] { end_ = how; });
  }
  void wake() {
    change([] {});
  }
  /// Until the stream has nothing left to say and waits.
  bool wait_until_idle() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [this] { return waits_ && texts_.empty(); });
  }
  /// Until the server let go of the stream.
  bool wait_until_gone() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [this] { return gone_; });
  }
  /// How often it was asked for a piece.
  [[nodiscard]] std::size_t asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
  }
  bool open_ended = false;
  std::chrono::milliseconds heartbeat{0}; ///< Says `.` after so long without a word.

private:
  friend class scripted_stream;

  template <class Change>
  void change(Change x) {
    http::waker wake;
    {
      const std::lock_guard lock(mutex_);
      x();
      wake = wake_;
    }
    if (wake)
      wake();
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> texts_;
  http::body_stream::next end_ = http::body_stream::next::wait;
  http::waker wake_;
  std::size_t asked_ = 0;
  bool waits_ = false;
  bool gone_ = false;
};

/// A stream that says what its script does.
class scripted_stream final : public http::body_stream {
public:
  explicit scripted_stream(std::shared_ptr<script> from) : from_(std::move(from)) {}
  ~scripted_stream() override {
    const std::lock_guard lock(from_->mutex_);
    from_->gone_ = true;
    from_->changed_.notify_all();
  }

  void start(http::waker wake) override {
    const std::lock_guard lock(from_->mutex_);
    from_->wake_ = std::move(wake);
  }

  next produce(std::string& out, std::size_t room) override {
    const std::lock_guard lock(from_->mutex_);
    ++from_->asked_;
    const auto now = std::chrono::steady_clock::now();
    if (from_->heartbeat.count() != 0 && from_->texts_.empty() && now >= due_)
      out += '.';
    due_ = now + from_->heartbeat;
    while (!from_->texts_.empty() && out.size() < room) {
      out += from_->texts_.front();
      from_->texts_.pop_front();
    }
    from_->waits_ = from_->texts_.empty() && from_->end_ == next::wait;
    from_->changed_.notify_all();
    return from_->texts_.empty() ? from_->end_ : next::more;
  }

  [[nodiscard]] std::optional<std::chrono::steady_clock::time_point> deadline() const override {
    return from_->heartbeat.count() == 0 ? std::nullopt : std::optional(due_);
  }

  [[nodiscard]] bool open_ended() const override { return from_->open_ended; }

private:
  const std::shared_ptr<script> from_;
  std::chrono::steady_clock::time_point due_ = std::chrono::steady_clock::now() + from_->heartbeat;
};

} // namespace muster::test
