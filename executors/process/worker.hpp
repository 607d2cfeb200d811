#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace muster::process {

/// What becomes of a job that has not begun when its worker ends.
enum class at_end : std::uint8_t { drop, do_it };

/// One thread that does jobs in order: work on files that may take long.
class worker {
public:
  worker() = default;
  worker(const worker&) = delete;
  worker& operator=(const worker&) = delete;
  /// Finishes the job at hand, and those that must be done.
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
  void add(std::function<void()> what, at_end fate = at_end::drop) {
    const std::lock_guard lock{mutex_};
    jobs_.push_back({std::move(what), fate});
    if (!thread_.joinable())
      thread_ = std::thread{[this] { run(); }};
    wake_.notify_one();
  }

private:
  struct job {
    std::function<void()> what;
    at_end fate = at_end::drop;
  };

  void run() {
    std::unique_lock lock{mutex_};
    for (;;) {
      wake_.wait(lock, [this] { return closing_ || !jobs_.empty(); });
      if (jobs_.empty())
        return;
      const bool closing = closing_;
      auto next = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      if (!closing || next.fate == at_end::do_it)
        next.what();
      next.what = nullptr;
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<job> jobs_;
  bool closing_ = false;
  std::thread thread_;
};

} // namespace muster::process
