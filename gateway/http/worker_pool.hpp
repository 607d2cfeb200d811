#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace muster::http {

/// The threads that handlers and streams run on. Requests and pieces of streams take turns, so that neither many of the
/// ones nor many of the others hold the rest up. Requests may wait for others, so one thread is none of theirs. All
/// members are thread-safe.
class worker_pool {
public:
  using job = std::function<void()>;

  /// At most `threads` requests run at once, and `queue` wait; there is one thread more.
  worker_pool(std::size_t threads, std::size_t queue);
  ~worker_pool();
  worker_pool(const worker_pool&) = delete;
  worker_pool& operator=(const worker_pool&) = delete;

  /// Runs `x` when its turn comes. False, without doing so, if too many wait.
  [[nodiscard]] bool submit(job x);

  /// Runs what never waits: a piece of a stream, or a request for how the service is. Each connection has at most one
  /// here, so their number is bounded by that of connections.
  void submit_piece(job x);

  /// How many requests wait.
  [[nodiscard]] std::size_t queued() const;

  /// Lets what runs end and drops the rest; what comes later is dropped too.
  void stop();

private:
  void run();
  struct taken {
    job run;
    bool is_request = false;
  };
  /// With what was taken before done.
  [[nodiscard]] taken take(bool was_request);

  [[nodiscard]] bool may_run_request() const { return !requests_.empty() && running_ < most_; }

  const std::size_t most_;
  const std::size_t queue_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<job> requests_;
  std::deque<job> pieces_;
  std::size_t running_ = 0; ///< Requests.
  bool piece_is_next_ = false;
  bool stopped_ = false;
  std::vector<std::thread> threads_;
};

} // namespace muster::http
