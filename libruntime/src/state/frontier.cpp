#include "muster/state/frontier.hpp"

#include "muster/state/transitions.hpp"

#include <utility>

namespace muster {

frontier::frontier(std::shared_ptr<const plan> source) : plan_(std::move(source)) {
  const auto count = plan_->group_count();
  open_.resize(count);
  statuses_.assign(count, status::waiting);
  for (std::uint32_t g = 0; g < count; ++g) {
    counts_.add(status::waiting);
    open_[g] = static_cast<std::uint32_t>(plan_->upstream(group_index{g}).size());
    if (open_[g] == 0)
      make_ready(group_index{g});
  }
}

rebuilt_frontier frontier::rebuild(std::shared_ptr<const plan> source, const std::vector<status>& recorded) {
  rebuilt_frontier result{frontier{std::move(source)}, {}, {}};
  auto& front = result.front;
  const auto count = front.plan_->group_count();
  const auto was = [&](std::uint32_t g) { return g < recorded.size() ? recorded[g] : status::unspecified; };
  front.ready_.clear();
  for (std::uint32_t g = 0; g < count; ++g) {
    const auto s = was(g);
    front.set(group_index{g}, s > status::waiting ? s : status::waiting);
    if (s == status::completed)
      for (const auto d : front.plan_->downstream(group_index{g}))
        --front.open_[d.value];
  }
  for (std::uint32_t g = 0; g < count; ++g) {
    const auto s = front.statuses_[g];
    if (is_failed(s))
      front.fail_downstream(group_index{g}, result.upstream_failed);
    else if (s > status::waiting && !is_finished(s))
      result.begun.push_back(group_index{g});
  }
  for (std::uint32_t g = 0; g < count; ++g)
    if (front.statuses_[g] == status::waiting && front.open_[g] == 0)
      front.make_ready(group_index{g});
  return result;
}

std::optional<group_index> frontier::pop_ready() {
  if (next_ready_ == ready_.size())
    return std::nullopt;
  const auto g = ready_[next_ready_++];
  if (next_ready_ == ready_.size()) {
    ready_.clear();
    next_ready_ = 0;
  } else if (next_ready_ >= 1024 && next_ready_ * 2 >= ready_.size()) {
    ready_.erase(ready_.begin(), ready_.begin() + static_cast<std::ptrdiff_t>(next_ready_));
    next_ready_ = 0;
  }
  return g;
}

void frontier::on_group_status(group_index g, status s) {
  if (!is_finished(s) && group_may_follow(statuses_[g.value], s))
    set(g, s);
}

std::vector<group_index> frontier::on_group_finished(group_index g, status s) {
  std::vector<group_index> failed;
  if (is_group_finished(statuses_[g.value]) || !is_group_finished(s))
    return failed;
  set(g, s);
  if (is_failed(s)) {
    fail_downstream(g, failed);
    return failed;
  }
  for (const auto d : plan_->downstream(g))
    if (--open_[d.value] == 0 && statuses_[d.value] == status::waiting)
      make_ready(d);
  return failed;
}

std::vector<group_index> frontier::cancel() {
  std::vector<group_index> canceled;
  for (; next_ready_ < ready_.size(); ++next_ready_) {
    canceled.push_back(ready_[next_ready_]);
    set(ready_[next_ready_], status::failed_canceled);
  }
  ready_.clear();
  next_ready_ = 0;
  for (std::uint32_t g = 0; g < statuses_.size(); ++g) {
    if (statuses_[g] != status::waiting)
      continue;
    canceled.push_back(group_index{g});
    set(group_index{g}, status::failed_canceled);
  }
  return canceled;
}

status frontier::workflow_status() const noexcept {
  const auto s = aggregate_workflow(counts_);
  return s == status::pending && was_running_ ? status::running : s;
}

void frontier::set(group_index g, status s) {
  auto& current = statuses_[g.value];
  counts_.remove(current);
  counts_.add(s);
  current = s;
  was_running_ = was_running_ || s == status::running || s == status::completed;
}

void frontier::make_ready(group_index g) {
  set(g, status::processing);
  ready_.push_back(g);
}

void frontier::fail_downstream(group_index g, std::vector<group_index>& failed) {
  auto next = failed.size();
  const auto fail_those_of = [&](group_index cause) {
    for (const auto d : plan_->downstream(cause)) {
      if (statuses_[d.value] != status::waiting)
        continue;
      set(d, status::failed_upstream);
      failed.push_back(d);
    }
  };
  fail_those_of(g);
  while (next < failed.size())
    fail_those_of(failed[next++]);
}

} // namespace muster
