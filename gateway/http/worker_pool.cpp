#include "gateway/http/worker_pool.hpp"

#include <utility>

namespace muster::http {

worker_pool::worker_pool(std::size_t threads, std::size_t queue) : most_(threads == 0 ? 1 : threads), queue_(queue) {
  for (std::size_t i = 0; i <= most_; ++i)
    threads_.emplace_back([this] { run(); });
}

worker_pool::~worker_pool() {
  stop();
}

bool worker_pool::submit(job x) {
  {
    const std::lock_guard lock(mutex_);
    if (requests_.size() >= queue_ && !stopped_)
      return false;
    if (!stopped_)
      requests_.push_back(std::move(x));
  }
  wake_.notify_one();
  return true;
}

void worker_pool::submit_piece(job x) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopped_)
      pieces_.push_back(std::move(x));
  }
  wake_.notify_one();
}

std::size_t worker_pool::queued() const {
  const std::lock_guard lock(mutex_);
  return requests_.size();
}

void worker_pool::stop() {
  std::deque<job> requests, pieces; // Destroyed without the lock.
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    requests.swap(requests_);
    pieces.swap(pieces_);
    threads.swap(threads_);
  }
  wake_.notify_all();
  for (auto& x : threads)
    x.join();
}

worker_pool::taken worker_pool::take(bool was_request) {
  std::unique_lock lock(mutex_);
  if (was_request)
    --running_;
  wake_.wait(lock, [this] { return stopped_ || may_run_request() || !pieces_.empty(); });
  if (stopped_)
    return {};
  const bool is_request = may_run_request() && (pieces_.empty() || !piece_is_next_);
  piece_is_next_ = !piece_is_next_;
  auto& queue = is_request ? requests_ : pieces_;
  taken x{std::move(queue.front()), is_request};
  queue.pop_front();
  if (is_request)
    ++running_;
  return x;
}

void worker_pool::run() {
  for (bool was_request = false;;) {
    const auto x = take(was_request);
    if (!x.run)
      return;
    x.run();
    was_request = x.is_request;
  }
}

} // namespace muster::http
