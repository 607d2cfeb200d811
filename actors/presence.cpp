#include "actors/presence.hpp"

#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace muster {

struct presence::counted {
  std::mutex mutex;
  std::condition_variable emptied;
  std::size_t tokens = 0;

  void leave() {
    const std::lock_guard lock{mutex};
    if (--tokens == 0)
      emptied.notify_all();
  }
};

presence::presence() : counted_(std::make_shared<counted>()) {}

presence::token presence::give() const {
  {
    const std::lock_guard lock{counted_->mutex};
    ++counted_->tokens;
  }
  return {counted_.get(), [x = counted_](const counted*) { x->leave(); }};
}

bool presence::wait_until_empty(std::chrono::milliseconds limit) const {
  std::unique_lock lock{counted_->mutex};
  return counted_->emptied.wait_for(lock, limit, [this] { return counted_->tokens == 0; });
}

} // namespace muster
