#include "gateway/api/turns.hpp"

#include <utility>

namespace muster::gateway {

workflow_turns::turn::turn(turn&& other) noexcept
    : owner_(std::exchange(other.owner_, nullptr)), id_(std::move(other.id_)) {}

workflow_turns::turn::~turn() {
  if (owner_ != nullptr)
    owner_->give_back(id_);
}

result<workflow_turns::turn> workflow_turns::take(const std::string& id) {
  std::unique_lock lock{mutex_};
  if (!given_back_.wait_for(lock, patience_, [&] { return taken_.count(id) == 0; }))
    return {ec::unavailable, "another request has been acting on " + id + " for a while; try again"};
  taken_.insert(id);
  return turn{*this, id};
}

void workflow_turns::give_back(const std::string& id) {
  {
    const std::lock_guard lock{mutex_};
    taken_.erase(id);
  }
  given_back_.notify_all();
}

} // namespace muster::gateway
