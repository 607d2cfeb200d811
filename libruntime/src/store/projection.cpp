#include "projection.hpp"

namespace muster::store {

namespace {

std::string name_of(status s) {
  return std::string{to_string(s)};
}

error finished(std::string_view what, status now, status asked) {
  return {ec::conflict,
          std::string{what} + " is " + name_of(now) + " and never changes again; refused " + name_of(asked)};
}

/// Which time a status sets, or 5 for none.
std::size_t stage_of(status s) noexcept {
  switch (s) {
    case status::processing: return 0;
    case status::scheduling: return 1;
    case status::initializing: return 2;
    case status::running: return running_stage;
    default: return is_finished(s) ? ended_stage : 5;
  }
}

void mark(stages& times, const event& x) noexcept {
  if (const auto stage = stage_of(x.status); stage < times.size() && times[stage] == 0)
    times[stage] = to_micros(x.time);
}

std::string describe(const event& x) {
  return "attempt " + std::to_string(x.attempt) + " of task " + std::to_string(x.task.value);
}

bool is_task_status(status s) noexcept {
  return s >= status::submitting && s != status::failed_submission && to_string(s) != "UNSPECIFIED";
}

/// Whether a task was reopened and no attempt was made since.
bool waits_again(const task_state& row) noexcept {
  return row.attempt != no_attempt && row.status < status::processing;
}

/// A status of a task that has had no attempt, or none since it was reopened: it waits, or will not run.
result<void> apply_without_attempt(task_state& row, const event& x) {
  const bool waits = x.status == status::waiting || x.status == status::submitting;
  const auto known = x.attempt == 0 || static_cast<std::int64_t>(x.attempt) == row.attempt;
  if (!known || !(waits || x.status == status::skipped || is_failed(x.status)))
    return {ec::conflict, describe(x) + " was never made: PROCESSING of attempt " + std::to_string(row.attempt + 1) +
                              " comes first; refused " + name_of(x.status)};
  row.status = x.status;
  row.exit_code = x.exit_code;
  mark(row.times, x);
  return {};
}

result<void> begin_attempt(task_state& row, const workflow_state& workflow, const event& x) {
  if (is_finished(workflow.status))
    return finished("its workflow", workflow.status, x.status);
  if (static_cast<std::int64_t>(x.attempt) <= row.attempt)
    return {ec::conflict, describe(x) + " was made before: an attempt is made once"};
  if (static_cast<std::int64_t>(x.attempt) != row.attempt + 1)
    return {ec::conflict, describe(x) + " cannot be made: the next one is " + std::to_string(row.attempt + 1)};
  if (row.attempt != no_attempt && row.status != status::rescheduled && !waits_again(row))
    return {ec::conflict,
            describe(x) + " cannot be made while the one before is " + name_of(row.status) + ": RESCHEDULED ends it"};
  row.attempt = x.attempt;
  row.archived = false;
  row.status = x.status;
  row.exit_code = no_exit_code;
  row.times = {};
  row.lease = 0;
  row.node.clear();
  row.address.clear();
  row.gpus.clear();
  mark(row.times, x);
  return {};
}

/// Whether an attempt may go from `now` to `next`, neither being PROCESSING anew.
bool may_follow(status now, status next) noexcept {
  if (is_finished(next))
    return true;
  if (next < status::scheduling)
    return false;
  // Back to the queue after a gang was rolled back; but what runs has been started, and is not started again.
  return now != status::running || next == status::running;
}

/// Makes a finished task wait again.
result<task_change> reopen(task_state& row, const workflow_state& workflow, const event& x) {
  if (is_finished(workflow.status))
    return finished("its workflow", workflow.status, status::waiting);
  if (!is_group_finished(row.status))
    return error{ec::conflict, "task " + std::to_string(x.task.value) + " is " + name_of(row.status) +
                                   ": only what has finished is reopened"};
  const bool archive = row.attempt != no_attempt && !row.archived;
  row.archived = row.attempt != no_attempt;
  row.first_attempt = static_cast<std::uint32_t>(row.attempt + 1);
  row.status = status::waiting;
  row.reason = x.text;
  row.exit_code = no_exit_code;
  row.times = {};
  row.lease = 0;
  row.node.clear();
  row.address.clear();
  row.gpus.clear();
  row.dirty = true;
  return archive ? task_change::archive : task_change::none;
}

/// Only the end of a task has a result.
result<void> check_result(const event& x) {
  if (x.result.empty())
    return {};
  if (x.type != event_type::task_status || !is_group_finished(x.status) || x.status == status::skipped)
    return {ec::invalid_argument, "a result comes with the end of a task; refused one with " + name_of(x.status)};
  if (x.result.size() > max_result_bytes)
    return {ec::limit_exceeded, "the result of task " + std::to_string(x.task.value) + " has " +
                                    std::to_string(x.result.size()) + " bytes; the store takes up to " +
                                    std::to_string(max_result_bytes)};
  return {};
}

result<task_change> continue_attempt(task_state& row, const event& x) {
  if (static_cast<std::int64_t>(x.attempt) != row.attempt)
    return {ec::conflict, describe(x) + " is not the latest, which is " + std::to_string(row.attempt)};
  if (row.status == status::rescheduled) {
    // The attempt is over, the task is not: it may still fail before the next one is made.
    if (!is_failed(x.status))
      return finished(describe(x), row.status, x.status);
    row.status = x.status;
    row.times[ended_stage] = to_micros(x.time);
    return task_change::none;
  }
  if (x.status == status::skipped)
    return error{ec::conflict, describe(x) + " was made, so its task cannot be SKIPPED"};
  if (!may_follow(row.status, x.status))
    return {ec::conflict, describe(x) + " cannot go from " + name_of(row.status) + " to " + name_of(x.status)};
  row.status = x.status;
  if (x.exit_code != no_exit_code)
    row.exit_code = x.exit_code;
  mark(row.times, x);
  if (x.status != status::rescheduled)
    return task_change::none;
  row.archived = true;
  return task_change::archive;
}

void note_place(task_state& row, const event& x) {
  row.reason = x.text;
  if (row.archived && row.status != status::rescheduled)
    return;
  if (x.lease.value != 0)
    row.lease = x.lease.value;
  const bool says_where = x.status == status::initializing; // Else it may have been left out, as nothing changes.
  if (says_where || !x.node.empty())
    row.node = x.node;
  if (says_where || !x.address.empty())
    row.address = x.address;
  if (says_where || !x.gpus.empty())
    row.gpus = x.gpus;
}

result<void> apply_status(workflow_state& row, const event& x) {
  const auto known = x.status == status::pending || x.status == status::failed_submission || is_task_status(x.status);
  if (!known || x.status == status::rescheduled || x.status == status::skipped)
    return {ec::invalid_argument, "a workflow cannot be " + name_of(x.status)};
  row.status = x.status;
  row.reason = x.text;
  if (x.status == status::running && row.started == 0)
    row.started = to_micros(x.time);
  if (is_finished(x.status)) {
    row.ended = to_micros(x.time);
    row.last_seq = static_cast<std::int64_t>(x.seq.value);
  }
  return {};
}

/// Makes a finished workflow live again.
result<void> retry(workflow_state& row, const event& x) {
  if (!is_finished(row.status))
    return {ec::conflict, "the workflow is " + name_of(row.status) + ": only what has finished is retried"};
  row.status = status::pending;
  row.reason = x.text;
  row.ended = 0;
  row.last_seq = 0;
  row.cancel_requested = 0;
  row.cancel_message.clear();
  row.dirty = true;
  return {};
}

/// Makes a finished group wait again.
result<void> reopen(group_state& row, const workflow_state& workflow, const event& x) {
  if (is_finished(workflow.status))
    return finished("its workflow", workflow.status, status::waiting);
  if (!is_group_finished(row.status))
    return {ec::conflict, "group " + std::to_string(x.group.value) + " is " + name_of(row.status) +
                              ": only what has finished is reopened"};
  row.status = status::waiting;
  row.reason = x.text;
  row.times = {};
  row.dirty = true;
  return {};
}

} // namespace

result<void> apply(workflow_state& row, const growth& x) {
  if (is_finished(row.status))
    return {ec::conflict, "workflow " + std::to_string(x.workflow.value) + " is " + name_of(row.status) +
                              ": only what has not finished can grow"};
  if (x.first_group.value != row.groups || x.first_task.value != row.tasks)
    return {ec::conflict, "workflow " + std::to_string(x.workflow.value) + " has " + std::to_string(row.groups) +
                              " groups and " + std::to_string(row.tasks) + " tasks; it cannot grow by those from " +
                              std::to_string(x.first_group.value) + " and " + std::to_string(x.first_task.value) +
                              " on"};
  row.groups += static_cast<std::uint32_t>(x.groups.size());
  row.tasks += static_cast<std::uint32_t>(x.tasks.size());
  row.dirty = true;
  return {};
}

result<void> apply(workflow_state& row, const event& x) {
  if (auto good = check_result(x); !good)
    return good;
  if (x.type == event_type::workflow_retried)
    return retry(row, x);
  if (is_finished(row.status))
    return finished("the workflow", row.status, x.status);
  if (x.type == event_type::workflow_status)
    if (auto done = apply_status(row, x); !done)
      return done;
  if (x.type == event_type::workflow_cancel_requested) {
    if (row.cancel_requested == 0)
      row.cancel_requested = to_micros(x.time);
    row.cancel_message = x.text;
  }
  row.dirty = true;
  return {};
}

result<void> apply(group_state& row, const workflow_state& workflow, const event& x) {
  if (auto good = check_result(x); !good)
    return good;
  if (!is_task_status(x.status) || x.status == status::rescheduled)
    return {ec::invalid_argument, "a group cannot be " + name_of(x.status)};
  if (row.tasks == 1)
    return {ec::conflict, "group " + std::to_string(x.group.value) + " has one task, whose status is its own"};
  if (x.type == event_type::group_reopened)
    return reopen(row, workflow, x);
  if (is_group_finished(row.status))
    return finished("the group", row.status, x.status);
  row.status = x.status;
  row.reason = x.text;
  mark(row.times, x);
  row.dirty = true;
  return {};
}

result<task_change> apply(task_state& row, const workflow_state& workflow, const event& x) {
  if (auto good = check_result(x); !good)
    return good.failure();
  if (!is_task_status(x.status))
    return {ec::invalid_argument, "a task cannot be " + name_of(x.status)};
  if (x.group.value != row.group)
    return {ec::invalid_argument, "task " + std::to_string(x.task.value) + " belongs to group " +
                                      std::to_string(row.group) + ", not " + std::to_string(x.group.value)};
  if (x.type == event_type::task_reopened)
    return reopen(row, workflow, x);
  if (is_group_finished(row.status))
    return finished("the task", row.status, x.status);
  result<task_change> outcome = task_change::none;
  if (x.status == status::processing) {
    if (auto begun = begin_attempt(row, workflow, x); !begun)
      return begun.failure();
  } else if (row.attempt == no_attempt || waits_again(row)) {
    if (auto done = apply_without_attempt(row, x); !done)
      return done.failure();
  } else {
    outcome = continue_attempt(row, x);
    if (!outcome)
      return outcome;
  }
  note_place(row, x);
  row.dirty = true;
  return outcome;
}

} // namespace muster::store
