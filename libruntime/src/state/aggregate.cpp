#include "muster/state/aggregate.hpp"

namespace muster {

namespace {

/// The first of `wanted` that occurs, or unspecified.
template <std::size_t N>
status first_present(const status_counts& counts, const std::array<status, N>& wanted) noexcept {
  for (const auto s : wanted)
    if (counts.of(s) != 0)
      return s;
  return status::unspecified;
}

/// What all failed groups but FAILED_UPSTREAM share, else FAILED.
status shared_failure(const status_counts& groups) noexcept {
  const auto own = groups.failed() - groups.of(status::failed_upstream);
  for (auto i = static_cast<std::uint8_t>(status::failed); i <= static_cast<std::uint8_t>(status::failed_submission);
       ++i) {
    const auto s = static_cast<status>(i);
    if (s != status::failed_upstream && own != 0 && groups.of(s) == own)
      return s;
  }
  return status::failed;
}

} // namespace

std::uint32_t status_counts::failed() const noexcept {
  std::uint32_t sum = 0;
  for (auto i = static_cast<std::size_t>(status::failed); i < size; ++i)
    sum += counts_[i];
  return sum;
}

std::uint32_t status_counts::finished() const noexcept {
  return failed() + of(status::completed) + of(status::skipped);
}

std::uint32_t status_counts::total() const noexcept {
  std::uint32_t sum = 0;
  for (const auto n : counts_)
    sum += n;
  return sum;
}

status aggregate_group(bool ignore_nonlead_status, std::size_t lead, array_view<status> tasks) noexcept {
  status_counts all;
  for (const auto s : tasks)
    all.add(s);
  if (all.unfinished() != 0) {
    const bool moved = all.of(status::running) != 0 || all.of(status::rescheduled) != 0 || all.finished() != 0;
    return moved ? status::running : status::initializing;
  }
  constexpr std::array<status, 3> of_any{status::failed_upstream, status::failed_server_error,
                                         status::failed_preempted};
  if (const auto s = first_present(all, of_any); s != status::unspecified)
    return s;
  status_counts considered;
  if (ignore_nonlead_status && lead < tasks.size())
    considered.add(tasks[lead]);
  else
    considered = all;
  if (considered.of(status::failed_evicted) != 0)
    return status::failed_evicted;
  return considered.failed() != 0 ? status::failed : status::completed;
}

status aggregate_workflow(const status_counts& groups) noexcept {
  if (groups.unfinished() != 0)
    return groups.of(status::running) != 0 ? status::running : status::pending;
  constexpr std::array<status, 4> of_any{status::failed_canceled, status::failed_server_error,
                                         status::failed_exec_timeout, status::failed_queue_timeout};
  if (const auto s = first_present(groups, of_any); s != status::unspecified)
    return s;
  return groups.failed() != 0 ? shared_failure(groups) : status::completed;
}

status aggregate_workflow(array_view<status> groups) noexcept {
  status_counts counts;
  for (const auto s : groups)
    counts.add(s);
  return aggregate_workflow(counts);
}

status recorded_group_status(status task) noexcept {
  switch (task) {
    case status::rescheduled: return status::running;
    case status::skipped:
    case status::failed_canceled:
    case status::failed_exec_timeout:
    case status::failed_queue_timeout: return task;
    default: return is_finished(task) ? aggregate_group(true, 0, array_view<status>{&task, 1}) : task;
  }
}

} // namespace muster
