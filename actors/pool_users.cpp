#include "actors/pool_users.hpp"

#include <utility>

namespace muster {

pool_users::removal::~removal() {
  const std::lock_guard lock{of_->mutex_};
  of_->phase_ = is_removed_ ? phase::gone : phase::open;
  of_->changed_.notify_all();
}

result<pool_users::stay> pool_users::enter(std::chrono::milliseconds limit) {
  std::unique_lock lock{mutex_};
  changed_.wait_for(lock, limit, [this] { return phase_ != phase::deciding; });
  if (phase_ == phase::gone)
    return error{ec::not_found, "the pool was removed"};
  if (phase_ == phase::deciding)
    return error{ec::unavailable, "the pool is being removed"};
  ++inside_;
  // Whoever is let in holds on to all of this.
  return stay{static_cast<const void*>(this), [self = shared_from_this()](const void*) { self->leave(); }};
}

result<std::shared_ptr<pool_users::removal>> pool_users::begin_removal(std::chrono::milliseconds limit) {
  std::unique_lock lock{mutex_};
  if (phase_ == phase::gone)
    return error{ec::not_found, "the pool was removed"};
  if (phase_ == phase::deciding)
    return error{ec::conflict, "the pool is being removed already"};
  phase_ = phase::deciding;
  if (changed_.wait_for(lock, limit, [this] { return inside_ == 0; }))
    return std::make_shared<removal>(shared_from_this());
  phase_ = phase::open;
  changed_.notify_all();
  return error{ec::unavailable, "workflows are just being submitted to it; try again"};
}

void pool_users::leave() noexcept {
  const std::lock_guard lock{mutex_};
  --inside_;
  changed_.notify_all();
}

} // namespace muster
