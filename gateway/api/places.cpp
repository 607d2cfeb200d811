#include "gateway/api/places.hpp"

#include <algorithm>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace muster::gateway {

class places::core {
public:
  core(bounds x, std::string what, std::string hint) : bounds_(x), what_(std::move(what)), hint_(std::move(hint)) {}

  result<void> take(const std::optional<std::string>& user) {
    const std::lock_guard lock{mutex_};
    if (count_ >= bounds_.most)
      return refusal(bounds_.most, {});
    const auto found = user ? of_users_.find(*user) : of_users_.end();
    if (found != of_users_.end() && found->second >= bounds_.share)
      return refusal(bounds_.share, " for user " + *user);
    ++count_;
    if (user)
      ++of_users_[*user];
    return {};
  }

  void leave(const std::optional<std::string>& user) {
    const std::lock_guard lock{mutex_};
    --count_;
    if (const auto found = user ? of_users_.find(*user) : of_users_.end();
        found != of_users_.end() && --found->second == 0)
      of_users_.erase(found);
  }

  void set_bounds(bounds x) {
    const std::lock_guard lock{mutex_};
    bounds_ = x;
  }

  [[nodiscard]] std::size_t count() const {
    const std::lock_guard lock{mutex_};
    return count_;
  }

private:
  [[nodiscard]] error refusal(std::size_t most, const std::string& whose) const {
    return {ec::unavailable, std::to_string(most) + ' ' + what_ + whose +
                                 " already, and no more can be: try again later" +
                                 (hint_.empty() ? "" : ", or " + hint_)};
  }

  mutable std::mutex mutex_;
  bounds bounds_;
  const std::string what_;
  const std::string hint_;
  std::size_t count_ = 0;
  std::unordered_map<std::string, std::size_t> of_users_;
};

places::bounds places::quarter_of(std::size_t most) {
  return {std::max<std::size_t>(1, most), std::max<std::size_t>(1, most / 4)};
}

places::places(bounds x, std::string what, std::string hint)
    : core_(std::make_shared<core>(x, std::move(what), std::move(hint))) {}

result<places::place> places::take(const std::optional<std::string>& user) {
  if (auto taken = core_->take(user); !taken)
    return taken.failure();
  return place{core_, user};
}

void places::set_bounds(bounds x) {
  core_->set_bounds(x);
}

std::size_t places::count() const {
  return core_->count();
}

places::place::place(std::shared_ptr<core> owner, std::optional<std::string> user)
    : core_(std::move(owner)), user_(std::move(user)) {}

places::place::place(place&& other) noexcept : core_(std::move(other.core_)), user_(std::move(other.user_)) {}

places::place::~place() {
  if (core_)
    core_->leave(user_);
}

} // namespace muster::gateway
