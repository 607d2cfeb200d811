#include "executors/docker/log_writer.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <csignal>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

namespace muster::docker {

/// Its members are guarded by the writer's lock, but for `file`, which only the writer's thread uses.
class log_channel {
public:
  log_channel(std::filesystem::path log, const log_limits& limits, std::function<void(log_report)> to)
      : file(std::move(log), limits), report(std::move(to)) {}

  log_file file;
  std::function<void(log_report)> report; ///< Empty once it is abandoned.
  std::deque<log_batch> waiting;
  bool queued = false; ///< It is in the writer's queue, or in its hands.
  bool failed = false;
  bool opened = false;
};

/// What runs on the thread: takes the channels that have something to do in turn, a batch of each.
class log_writer::impl {
public:
  impl() : thread_([this] { run(); }) {}

  ~impl() { stop(); }
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      ends_ = true;
    }
    woken_.notify_one();
    if (thread_.joinable())
      thread_.join();
  }

  void open(const std::shared_ptr<log_channel>& channel) {
    const std::lock_guard lock(mutex_);
    enqueue(channel);
  }

  void submit(const std::shared_ptr<log_channel>& to, log_batch batch) {
    const std::lock_guard lock(mutex_);
    pending_ += batch.bytes.size();
    to->waiting.push_back(std::move(batch));
    enqueue(to);
  }

  void retry(const std::shared_ptr<log_channel>& at) {
    const std::lock_guard lock(mutex_);
    at->failed = false;
    enqueue(at);
  }

  void abandon(const std::shared_ptr<log_channel>& what) {
    const std::lock_guard lock(mutex_);
    what->report = nullptr;
    if (what->failed)
      drop(*what);
  }

  [[nodiscard]] std::size_t pending() const noexcept { return pending_.load(); }

private:
  void enqueue(const std::shared_ptr<log_channel>& channel) {
    if (channel->queued || channel->failed || ends_)
      return;
    channel->queued = true;
    ready_.push_back(channel);
    woken_.notify_one();
  }

  void drop(log_channel& channel) {
    for (const auto& batch : channel.waiting)
      pending_ -= batch.bytes.size();
    channel.waiting.clear();
  }

  void run() {
    sigset_t all{};
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    std::unique_lock lock(mutex_);
    for (;;) {
      woken_.wait(lock, [this] { return ends_ || !ready_.empty(); });
      if (ready_.empty())
        return;
      const auto channel = std::move(ready_.front());
      ready_.pop_front();
      serve(*channel, lock);
      channel->queued = false;
      // At the end everything is tried once.
      if (!channel->failed && !channel->waiting.empty()) {
        channel->queued = true;
        ready_.push_back(channel);
      }
    }
  }

  /// Opens the channel, or writes one batch; without the lock meanwhile.
  void serve(log_channel& channel, std::unique_lock<std::mutex>& lock) {
    log_report said;
    if (!channel.opened) {
      lock.unlock();
      const auto point = channel.file.open();
      lock.lock();
      channel.opened = point.ok();
      if (point)
        said.point = *point;
      else
        said = failure(channel, point.failure());
    } else if (!channel.waiting.empty()) {
      const auto& batch = channel.waiting.front(); // A deque: stays where it is while more come.
      const bool alone = channel.waiting.size() == 1;
      lock.unlock();
      const auto written = channel.file.append(batch);
      if (alone || !written)
        channel.file.rest();
      lock.lock();
      said.bytes = batch.bytes.size();
      said.what = batch.last ? log_report::kind::ended : log_report::kind::written;
      if (written) {
        pending_ -= said.bytes;
        channel.waiting.pop_front();
      } else {
        said = failure(channel, written.failure());
      }
    } else {
      return;
    }
    const auto report = channel.report;
    if (!report)
      return;
    if (ends_)
      return;
    lock.unlock();
    report(std::move(said));
    lock.lock();
  }

  log_report failure(log_channel& channel, const error& why) {
    log_report said;
    said.what = log_report::kind::failed;
    said.problem = why;
    channel.failed = true;
    if (!channel.report || ends_)
      drop(channel);
    return said;
  }

  std::mutex mutex_;
  std::condition_variable woken_;
  std::deque<std::shared_ptr<log_channel>> ready_;
  std::atomic<std::size_t> pending_{0};
  bool ends_ = false;
  std::thread thread_;
};

log_writer::log_writer() : impl_(std::make_shared<impl>()) {}

log_writer::~log_writer() {
  impl_->stop();
}

std::shared_ptr<log_channel> log_writer::open(std::filesystem::path log, const log_limits& limits,
                                              std::function<void(log_report)> report) {
  auto channel = std::make_shared<log_channel>(std::move(log), limits, std::move(report));
  impl_->open(channel);
  return channel;
}

void log_writer::submit(const std::shared_ptr<log_channel>& to, log_batch batch) {
  impl_->submit(to, std::move(batch));
}

void log_writer::retry(const std::shared_ptr<log_channel>& at) {
  impl_->retry(at);
}

void log_writer::abandon(const std::shared_ptr<log_channel>& what) {
  impl_->abandon(what);
}

std::size_t log_writer::pending() const noexcept {
  return impl_->pending();
}

} // namespace muster::docker
