#include "actors/ended_workflows.hpp"

#include "muster/store/reader.hpp"

namespace muster {

void ended_workflows::remember(workflow_key workflow, status how) {
  ended_[workflow] = how;
  order_.push_back(workflow);
  if (order_.size() <= remembered)
    return;
  ended_.erase(order_.front());
  order_.pop_front();
  asked_ = {};
}

void ended_workflows::note(const std::vector<event>& batch) {
  for (const auto& x : batch) {
    const bool ends = x.type == event_type::workflow_status && is_finished(x.status);
    if (!ends && x.type != event_type::workflow_retried)
      continue;
    const std::lock_guard lock{mutex_};
    if (ends) {
      remember(x.workflow, x.status);
    } else {
      ended_.erase(x.workflow);
      expected_.erase(x.workflow);
    }
    changed_.notify_all();
  }
}

void ended_workflows::fail(const error& why) {
  const std::lock_guard lock{mutex_};
  if (!failure_)
    failure_ = why;
  changed_.notify_all();
}

std::optional<error> ended_workflows::failure() const {
  const std::lock_guard lock{mutex_};
  return failure_;
}

std::optional<status> ended_workflows::stored(workflow_key workflow) const {
  if (auto reader = store::reader::open(directory_))
    if (const auto record = reader->workflow(workflow); record && is_finished(record->status))
      return record->status;
  return std::nullopt;
}

std::optional<status> ended_workflows::wait(workflow_key workflow, deadline until) {
  std::unique_lock lock{mutex_};
  const auto over = [&] { return failure_ || ended_.count(workflow) > 0; };
  for (;;) {
    // Asked once, the store need not be asked again: an end that comes later is noted.
    if (ended_.count(workflow) == 0 && asked_ != workflow) {
      lock.unlock();
      if (const auto found = stored(workflow))
        return found;
      lock.lock();
      asked_ = workflow;
    }
    const auto slice = std::chrono::steady_clock::now() + patience;
    const bool is_last = until && *until <= slice;
    if (changed_.wait_until(lock, is_last ? *until : slice, over) || is_last)
      break;
    asked_ = {}; // So many may have ended meanwhile that this one is not remembered.
  }
  const auto found = ended_.find(workflow);
  return found == ended_.end() ? std::nullopt : std::optional{found->second};
}

void ended_workflows::expect_retry(workflow_key workflow) {
  const std::lock_guard lock{mutex_};
  expected_.insert(workflow);
}

void ended_workflows::forget_retry(workflow_key workflow) {
  const std::lock_guard lock{mutex_};
  expected_.erase(workflow);
}

void ended_workflows::wait_for_retry(workflow_key workflow) {
  std::unique_lock lock{mutex_};
  changed_.wait(lock, [&] { return failure_ || expected_.count(workflow) == 0; });
  expected_.erase(workflow);
}

} // namespace muster
