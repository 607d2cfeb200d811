#include "actors/leftovers.hpp"

#include "muster/store/reader.hpp"

#include <algorithm>
#include <memory>
#include <optional>

namespace muster {

namespace {

bool is_over(result<store::reader>& from, workflow_key workflow) {
  if (!from)
    return false;
  const auto record = from->workflow(workflow);
  return record ? is_finished(record->status) : record.failure().code == ec::not_found;
}

/// What is recorded of it; nothing if that cannot be read, or it is newer than all that are recorded.
std::optional<store::attempt_record> row_of(store::reader& from, attempt_id attempt) {
  const auto all = from.attempts(attempt.workflow, attempt.task);
  if (!all)
    return std::nullopt;
  const auto found = std::find_if(all->begin(), all->end(), [&](const auto& x) { return x.number == attempt.number; });
  return found == all->end() ? std::nullopt : std::make_optional(*found);
}

bool has_ended(const store::attempt_record& x) {
  return is_finished(x.status) || x.status == status::rescheduled;
}

bool is_over(result<store::reader>& from, attempt_id attempt) {
  if (!from)
    return false;
  if (is_over(from, attempt.workflow))
    return true;
  const auto row = row_of(*from, attempt);
  return row && has_ended(*row);
}

bool is_over_for_agents(result<store::reader>& from, attempt_id attempt) {
  if (!from)
    return false;
  if (is_over(from, attempt.workflow))
    return true;
  const auto row = row_of(*from, attempt);
  const bool has_no_place = row && row->status == status::initializing && row->node.empty();
  return row && (has_no_place || has_ended(*row));
}

} // namespace

leftover_judge judge_by_store(const store::state_directory& directory) {
  const auto from = std::make_shared<result<store::reader>>(store::reader::open(directory));
  return {[from](workflow_key workflow) { return is_over(*from, workflow); },
          [from](attempt_id attempt) { return is_over(*from, attempt); }};
}

std::function<bool(attempt_id)> judge_for_agents(const store::state_directory& directory) {
  const auto from = std::make_shared<result<store::reader>>(store::reader::open(directory));
  return [from](attempt_id attempt) { return is_over_for_agents(*from, attempt); };
}

} // namespace muster
