#include "gateway/api/log_stream.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace muster::gateway {

namespace {

using watched = log_followers::watched;

/// Where nobody wakes.
constexpr std::chrono::milliseconds look_interval{250};
/// Where somebody does: for file systems that keep changes to themselves.
constexpr std::chrono::seconds sure_interval{10};

event_filter filter_of(const log_request& what) {
  event_filter out;
  out.workflows = {what.key};
  out.tasks = {what.task};
  for (const auto type : {event_type::task_status, event_type::task_reopened})
    out.types.set(static_cast<std::size_t>(type));
  return out;
}

} // namespace

log_stream::log_stream(log_sources with, std::unique_ptr<log_followers::place> place, log_request what)
    : with_(std::move(with)), what_(std::move(what)), place_(std::move(place)),
      ask_again_(std::chrono::steady_clock::now() + with_.between_asks) {
  if (place_ && with_.feed) {
    seen_ = with_.feed->head(); // Ahead of the first look at the store: nothing falls between the two.
    events_.emplace(*with_.feed, filter_of(what_));
  }
  if (what_.attempt)
    open(*what_.attempt, what_.offset);
}

void log_stream::start(http::waker wake) {
  if (!events_)
    return;
  place_->set_waker(wake);
  events_->start(std::move(wake));
}

void log_stream::open(std::uint32_t attempt, std::uint64_t offset) {
  what_.attempt = attempt;
  attempt_is_over_ = false;
  looked_ = false;
  watched_ = watched::not_at_all;
  tail_.emplace(with_.directory.log(what_.workflow, what_.task, attempt), offset, what_.only);
}

http::body_stream::next log_stream::produce(std::string& out, std::size_t room) {
  if (!may_go_on())
    return next::fail; // An end would say that the log has one.
  for (;;) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(room, what_.limit.value_or(room)));
    const auto got =
        tail_ && wanted != 0 ? tail_->read(wanted, [&](std::string_view piece) { out.append(piece); }) : std::size_t{0};
    if (what_.limit)
      *what_.limit -= std::min<std::uint64_t>(got, *what_.limit);
    if (what_.limit && *what_.limit == 0)
      return next::end;
    if (got != 0)
      return next::more;
    if (!place_)
      return next::end;
    // Its end was known before it was read to its end.
    if (is_over())
      return next::end;
    if (!go_on() && !watch() && !look())
      return wait();
  }
}

bool log_stream::may_go_on() {
  const auto now = std::chrono::steady_clock::now();
  if (!place_ || now < ask_again_)
    return true;
  ask_again_ = now + with_.between_asks;
  return with_.may_go_on();
}

bool log_stream::is_over() const {
  if (!tail_)
    return task_is_over_ && !next_attempt_;
  if (!attempt_is_over_)
    return false;
  return !what_.all_attempts || (task_is_over_ && !next_attempt_);
}

bool log_stream::go_on() {
  if (!next_attempt_ || (tail_ && !attempt_is_over_))
    return false;
  open(*std::exchange(next_attempt_, std::nullopt), tail_ ? 0 : what_.offset);
  return true;
}

bool log_stream::watch() {
  if (!tail_ || !events_ || watched_ == watched::file || attempt_is_over_)
    return false;
  watched_ = place_->watch(tail_->file());
  return watched_ == watched::file;
}

bool log_stream::has_news() {
  constexpr int most_pages = 16;
  if (!events_)
    return true;
  bool any = false;
  for (int i = 0; i < most_pages; ++i) {
    const auto got = events_->next(seen_);
    if (got.what == fetched_events::kind::caught_up) {
      seen_ = got.cursor;
      return any;
    }
    if (got.what != fetched_events::kind::events) // The row itself has it all.
      break;
    const auto& block = *got.block;
    for (auto x = block.behind(seen_); x < block.entries().size() && !any; ++x)
      any = events_->filter().passes(block, block.entries()[x]);
    seen_ = block.through();
  }
  seen_ = with_.feed->head();
  return true;
}

bool log_stream::look() {
  if (!has_news() && looked_)
    return false;
  looked_ = false;
  auto reader = with_.readers->take();
  if (!reader)
    return false;
  const auto task = (*reader)->task(what_.key, what_.task);
  const auto before = std::tuple(attempt_is_over_, task_is_over_, next_attempt_);
  if (!task) {
    if (task.failure().code != ec::not_found)
      return false;
    attempt_is_over_ = task_is_over_ = true; // It was removed.
  } else {
    task_is_over_ = is_group_finished(task->status);
    next_attempt_.reset();
    if (task->attempt && !what_.attempt)
      next_attempt_ = task->first_attempt;
    if (task->attempt && what_.attempt) {
      attempt_is_over_ = task->attempt->number > *what_.attempt || is_finished(task->attempt->status);
      if (task->attempt->number > *what_.attempt)
        next_attempt_ = *what_.attempt + 1;
    }
  }
  looked_ = true;
  return before != std::tuple(attempt_is_over_, task_is_over_, next_attempt_);
}

http::body_stream::next log_stream::wait() {
  const bool is_woken = events_ && looked_ && (!tail_ || attempt_is_over_ || watched_ != watched::not_at_all);
  due_ = std::chrono::steady_clock::now() + (is_woken ? std::chrono::milliseconds{sure_interval} : look_interval);
  return next::wait;
}

} // namespace muster::gateway
