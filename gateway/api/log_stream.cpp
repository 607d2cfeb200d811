#include "gateway/api/log_stream.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace muster::gateway {

namespace {

constexpr std::chrono::milliseconds shortest_interval{50};
constexpr std::chrono::milliseconds longest_interval{500};
constexpr std::chrono::milliseconds clock_interval{100};

} // namespace

std::uint64_t commit_clock::now() {
  const auto time = std::chrono::steady_clock::now();
  const std::lock_guard lock(mutex_);
  if (last_ != 0 && time - asked_ < clock_interval)
    return last_;
  asked_ = time;
  if (auto reader = readers_.take())
    if (const auto latest = (*reader)->latest())
      last_ = latest->value;
  return last_;
}

log_stream::log_stream(std::shared_ptr<services> with, std::shared_ptr<commit_clock> clock, log_request what)
    : with_(std::move(with)), clock_(std::move(clock)), what_(std::move(what)), interval_(shortest_interval) {
  if (what_.attempt)
    open(*what_.attempt, what_.offset);
}

void log_stream::open(std::uint32_t attempt, std::uint64_t offset) {
  what_.attempt = attempt;
  attempt_is_over_ = false;
  tail_.emplace(with_->directory.log(what_.workflow, what_.task, attempt), offset, what_.only);
}

http::body_stream::next log_stream::produce(std::string& out, std::size_t room) {
  for (;;) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(room, what_.limit.value_or(room)));
    const auto got =
        tail_ && wanted != 0 ? tail_->read(wanted, [&](std::string_view piece) { out.append(piece); }) : std::size_t{0};
    if (what_.limit)
      *what_.limit -= std::min<std::uint64_t>(got, *what_.limit);
    if (what_.limit && *what_.limit == 0)
      return next::end;
    if (got != 0) {
      interval_ = shortest_interval;
      return next::more;
    }
    if (!what_.follow)
      return next::end;
    if (attempt_is_over_ || !tail_) { // Its end was known before it was read to its end.
      if (next_attempt_ && (what_.all_attempts || !tail_)) {
        open(*std::exchange(next_attempt_, std::nullopt), tail_ ? 0 : what_.offset);
        looked_ = false;
        continue;
      }
      if (tail_ && (!what_.all_attempts || task_is_over_))
        return next::end;
      if (!tail_ && task_is_over_)
        return next::end;
    }
    if (!look())
      return wait();
  }
}

bool log_stream::look() {
  const auto now = clock_->now();
  if (looked_ && now == looked_at_)
    return false;
  auto reader = with_->readers.take();
  if (!reader)
    return false;
  const auto task = (*reader)->task(what_.key, what_.task);
  looked_ = true;
  looked_at_ = now;
  if (!task) { // It was removed.
    const bool is_gone = task.failure().code == ec::not_found;
    attempt_is_over_ = task_is_over_ = is_gone;
    return is_gone;
  }
  const auto before = std::tuple(attempt_is_over_, task_is_over_, next_attempt_);
  task_is_over_ = is_group_finished(task->status);
  next_attempt_.reset();
  if (task->attempt && !what_.attempt)
    next_attempt_ = task->first_attempt;
  if (task->attempt && what_.attempt) {
    attempt_is_over_ = task->attempt->number > *what_.attempt || is_finished(task->attempt->status);
    if (task->attempt->number > *what_.attempt)
      next_attempt_ = *what_.attempt + 1;
  }
  return before != std::tuple(attempt_is_over_, task_is_over_, next_attempt_);
}

http::body_stream::next log_stream::wait() {
  due_ = std::chrono::steady_clock::now() + interval_;
  interval_ = std::min(interval_ * 2, longest_interval);
  return next::wait;
}

} // namespace muster::gateway
