#pragma once

#include "actors/runtime.hpp"
#include "cli/serve/notify.hpp"

#include <condition_variable>
#include <mutex>
#include <thread>

namespace muster::cli {

/// Tells the watchdog of the service manager that the head is alive, as long as its actors answer: on a thread of its
/// own, which asks the pools. Does nothing where nobody watches.
class pulse {
public:
  /// `engine` and `tell` must outlive it.
  pulse(runtime& engine, const notifier& tell);
  ~pulse();
  pulse(const pulse&) = delete;
  pulse& operator=(const pulse&) = delete;

private:
  void beat();

  runtime& engine_;
  const notifier& tell_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::thread thread_;
};

} // namespace muster::cli
