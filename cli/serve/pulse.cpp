#include "cli/serve/pulse.hpp"

#include "muster/base/log.hpp"

namespace muster::cli {

pulse::pulse(runtime& engine, const notifier& tell) : engine_(engine), tell_(tell) {
  if (tell.watchdog())
    thread_ = std::thread([this] { beat(); });
}

pulse::~pulse() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable())
    thread_.join();
}

void pulse::beat() {
  const auto interval = *tell_.watchdog() / 3;
  std::unique_lock lock{mutex_};
  while (!stopping_) {
    lock.unlock();
    // Every pool answers, so their mailboxes and the threads of the scheduler make progress.
    if (const auto pools = engine_.pools(); pools && !engine_.failure())
      tell_.alive();
    else
      log::error("serve", "actors do not answer",
                 {{"why", pools ? "the runtime has failed" : pools.failure().message.c_str()}});
    lock.lock();
    changed_.wait_for(lock, interval, [this] { return stopping_; });
  }
}

} // namespace muster::cli
