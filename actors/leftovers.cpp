#include "actors/leftovers.hpp"

#include "muster/store/reader.hpp"

#include <algorithm>
#include <memory>

namespace muster {

namespace {

bool is_over(result<store::reader>& from, workflow_key workflow) {
  if (!from)
    return false;
  const auto record = from->workflow(workflow);
  return record ? is_finished(record->status) : record.failure().code == ec::not_found;
}

bool is_over(result<store::reader>& from, attempt_id attempt) {
  if (!from)
    return false;
  if (is_over(from, attempt.workflow))
    return true;
  const auto all = from->attempts(attempt.workflow, attempt.task);
  if (!all || all->empty())
    return false;
  const auto found = std::find_if(all->begin(), all->end(), [&](const auto& x) { return x.number == attempt.number; });
  // One that is newer than all that are recorded is not understood.
  return found != all->end() && (is_finished(found->status) || found->status == status::rescheduled);
}

} // namespace

leftover_judge judge_by_store(const store::state_directory& directory) {
  const auto from = std::make_shared<result<store::reader>>(store::reader::open(directory));
  return {[from](workflow_key workflow) { return is_over(*from, workflow); },
          [from](attempt_id attempt) { return is_over(*from, attempt); }};
}

} // namespace muster
