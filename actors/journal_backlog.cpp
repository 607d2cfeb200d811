#include "actors/journal_backlog.hpp"

#include <algorithm>
#include <map>
#include <tuple>

namespace muster {

namespace {

/// Attempt or group, whose statuses follow each other. Groups have attempt -1.
using subject = std::tuple<std::int64_t, std::uint32_t, std::int64_t>;

subject subject_of(const event& x) {
  if (x.type == event_type::task_status)
    return {x.workflow.value, x.task.value, std::int64_t{x.attempt}};
  return {x.workflow.value, x.group.value, -1};
}

bool may_repeat(const event& x) {
  return (x.type == event_type::task_status || x.type == event_type::group_status) && !is_group_finished(x.status);
}

} // namespace

bool frees_room(const store::service_change& x) {
  if (const auto* row = std::get_if<store::audit_begun>(&x))
    return row->row.action == "workflow.delete";
  return std::holds_alternative<store::workflow_removed>(x) || std::holds_alternative<store::rows_swept>(x) ||
         std::holds_alternative<store::events_compacted>(x) || std::holds_alternative<store::audit_expired>(x) ||
         std::holds_alternative<store::idempotency_expired>(x);
}

bool frees_room(const journal_entry& x) {
  const auto* change = std::get_if<service_change_ptr>(&x);
  return change != nullptr && frees_room(**change);
}

bool is_refusable(const journal_entry& x) {
  if (const auto* list = std::get_if<event_list>(&x))
    return !list->events.empty() && (list->events.front().type == event_type::workflow_cancel_requested ||
                                     list->events.front().type == event_type::workflow_retried);
  if (const auto* change = std::get_if<service_change_ptr>(&x)) // How something went that was begun is kept.
    return !std::holds_alternative<store::audit_ended>(**change) &&
           !std::holds_alternative<store::audit_abandoned>(**change);
  return std::holds_alternative<submission_ptr>(x);
}

std::size_t coalesce(std::vector<journal_entry>& entries) {
  std::map<subject, status> later;
  std::size_t left = 0;
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    auto* list = std::get_if<event_list>(&*entry);
    if (list == nullptr)
      continue;
    auto& all = list->events;
    for (auto x = all.rbegin(); x != all.rend(); ++x) {
      if (x->type != event_type::task_status && x->type != event_type::group_status)
        continue;
      auto& known = later[subject_of(*x)];
      if (may_repeat(*x) && known == x->status)
        x->type = event_type::unspecified;
      else
        known = x->status;
    }
    all.erase(std::remove_if(all.begin(), all.end(), [](const auto& x) { return x.type == event_type::unspecified; }),
              all.end());
    left += all.size();
  }
  return left;
}

} // namespace muster
