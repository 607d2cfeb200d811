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
/// ones nor many of the others hold the rest up. All members are thread-safe.
class worker_pool {
public:
  using job = std::function<void()>;

  /// At most `queue` requests wait.
  worker_pool(std::size_t threads, std::size_t queue);
  ~worker_pool();
  worker_pool(const worker_pool&) = delete;
  worker_pool& operator=(const worker_pool&) = delete;

  /// Runs `x` when its turn comes. False, without doing so, if too many wait.
  [[nodiscard]] bool submit(job x);

  /// Runs a piece of a stream; each stream has at most one here, so their number is bounded by that of connections.
  void submit_piece(job x);

  /// How many requests wait.
  [[nodiscard]] std::size_t queued() const;

  /// Lets what runs end and drops the rest; what comes later is dropped too.
  void stop();

private:
  void run();
  [[nodiscard]] job take();

  const std::size_t queue_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<job> requests_;
  std::deque<job> pieces_;
  bool piece_is_next_ = false;
  bool stopped_ = false;
  std::vector<std::thread> threads_;
};

} // namespace muster::http
