#include "executors/process/warden/start_queue.hpp"

#include <utility>

namespace muster::process {

void start_queue::add(wire::following_start&& x) {
  const auto id = x.what.id;
  if (!waiting_.try_emplace(id, std::move(x.what)).second)
    return;
  follower_of_[x.after] = id;
  waits_for_[id] = x.after;
}

std::optional<attempt_id> start_queue::follower_of(attempt_id id) const {
  const auto at = follower_of_.find(id);
  return at == follower_of_.end() ? std::nullopt : std::make_optional(at->second);
}

std::optional<wire::start_request> start_queue::take(attempt_id id) {
  const auto at = waiting_.find(id);
  if (at == waiting_.end())
    return std::nullopt;
  std::optional<wire::start_request> out{std::move(at->second)};
  waiting_.erase(at);
  const auto before = waits_for_.find(id);
  if (const auto next = follower_of_.find(before->second); next != follower_of_.end() && next->second == id)
    follower_of_.erase(next);
  waits_for_.erase(before);
  return out;
}

std::optional<wire::start_request> start_queue::take_follower(attempt_id id) {
  const auto follower = follower_of(id);
  return follower ? take(*follower) : std::nullopt;
}

void start_queue::clear() {
  *this = {};
}

} // namespace muster::process
