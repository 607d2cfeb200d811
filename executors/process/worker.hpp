#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace muster::process {

/// One thread that does jobs in order: work on files that may take long.
class worker {
public:
  worker() = default;
  worker(const worker&) = delete;
  worker& operator=(const worker&) = delete;
  /// Finishes the job at hand and drops the others.
  ~worker() {
    {
      const std::lock_guard lock{mutex_};
      closing_ = true;
    }
    wake_.notify_one();
    if (thread_.joinable())
      thread_.join();
  }

  /// The thread is made with the first job: most runs need none.
  void add(std::function<void()> job) {
    const std::lock_guard lock{mutex_};
    jobs_.push_back(std::move(job));
    if (!thread_.joinable())
      thread_ = std::thread{[this] { run(); }};
    wake_.notify_one();
  }

private:
  void run() {
    std::unique_lock lock{mutex_};
    for (;;) {
      wake_.wait(lock, [this] { return closing_ || !jobs_.empty(); });
      if (closing_)
        return;
      auto job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      job();
      job = nullptr;
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;
  bool closing_ = false;
  std::thread thread_;
};

} // namespace muster::process
