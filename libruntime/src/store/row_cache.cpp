#include "row_cache.hpp"

#include "schema.hpp"

#include <algorithm>
#include <optional>

namespace muster::store {

namespace {

/// Changed rows at which they are written before the commit, and rows that may stay in memory after it.
constexpr std::size_t max_dirty = 16'384;
constexpr std::size_t max_kept = 32'768;

constexpr const char* select_workflow =
    "SELECT groups, tasks, status, started, ended, cancel_requested, last_seq, reason, cancel_message "
    "FROM workflow WHERE key=?";
constexpr const char* select_group =
    "SELECT tasks, status, processing, scheduling, initializing, running, ended, reason FROM task_group WHERE id=?";
constexpr const char* select_task =
    "SELECT position_of_group, attempt, status, archived, exit_code, lease, "
    "processing, scheduling, initializing, running, ended, reason, node, address, gpus, first_attempt "
    "FROM task WHERE id=?";
constexpr const char* update_workflow =
    "UPDATE workflow SET status=?1, started=?2, ended=?3, cancel_requested=?4, last_seq=?5, reason=?6, "
    "cancel_message=?7, groups=?8, tasks=?9, bytes=CASE WHEN ?3 IS NULL THEN NULL ELSE bytes END WHERE key=?10";
constexpr const char* update_group =
    "UPDATE task_group SET status=?1, processing=?2, scheduling=?3, initializing=?4, running=?5, ended=?6, reason=?7 "
    "WHERE id=?8";
constexpr const char* update_task =
    "UPDATE task SET processing=?1, scheduling=?2, initializing=?3, running=?4, ended=?5, status=?6, exit_code=?7, "
    "lease=?8, reason=?9, node=?10, address=?11, gpus=?12, attempt=?13, archived=?14, first_attempt=?15 "
    "WHERE id=?16";
constexpr const char* insert_attempt =
    "INSERT INTO attempt(processing, scheduling, initializing, running, ended, status, exit_code, lease, reason, node, "
    "address, gpus, number, task) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?)";

void bind_times(sqlite::statement& to, int first, const stages& times) {
  for (const auto t : times)
    to.bind_optional(first++, t, 0);
}

void read_times(const sqlite::statement& from, int first, stages& times) {
  for (auto& t : times)
    t = from.integer(first++);
}

/// The columns that a task's row and an attempt's row share, from 1 to 12.
void bind_attempt(sqlite::statement& to, const task_state& row) {
  bind_times(to, 1, row.times);
  to.bind(6, static_cast<std::int64_t>(row.status));
  to.bind_optional(7, row.exit_code, no_exit_code);
  to.bind_optional(8, static_cast<std::int64_t>(row.lease), 0);
  to.bind_optional(9, row.reason);
  to.bind_optional(10, row.node);
  to.bind_optional(11, row.address);
  to.bind_optional(12, row.gpus);
}

error no_such(const char* what, std::uint32_t index, workflow_key workflow) {
  return {ec::not_found, "there is no " + std::string{what} + ' ' + std::to_string(index) + " in workflow " +
                             std::to_string(workflow.value)};
}

bool over(const workflow_state& row) {
  return is_finished(row.status);
}
bool over(const group_state& row) {
  return is_group_finished(row.status);
}
bool over(const task_state& row) {
  return is_group_finished(row.status);
}

} // namespace

template <class State>
void row_cache::table<State>::clear() noexcept {
  rows.clear();
  dirty.clear();
  before.clear();
}

result<row_cache> row_cache::prepare(sqlite::connection& db) {
  row_cache x{db};
  const std::pair<sqlite::statement*, const char*> all[] = {
      {&x.read_workflow_, select_workflow},  {&x.read_group_, select_group},  {&x.read_task_, select_task},
      {&x.write_workflow_, update_workflow}, {&x.write_group_, update_group}, {&x.write_task_, update_task},
      {&x.write_attempt_, insert_attempt},
  };
  for (const auto& [into, sql] : all) {
    auto made = db.prepare(sql);
    if (!made)
      return made.failure();
    *into = std::move(*made);
  }
  return x;
}

// -- rows

result<workflow_state*> row_cache::workflow(workflow_key key) {
  if (const auto known = workflows_.rows.find(key.value); known != workflows_.rows.end())
    return &known->second;
  auto& q = read_workflow_;
  const sqlite::statement_scope scope{q};
  q.bind(1, key.value);
  const int code = q.step();
  if (code == SQLITE_DONE)
    return error{ec::not_found, "there is no workflow " + std::to_string(key.value)};
  if (code != SQLITE_ROW)
    return db_->failed("reading a workflow");
  workflow_state row;
  row.groups = static_cast<std::uint32_t>(q.integer(0));
  row.tasks = static_cast<std::uint32_t>(q.integer(1));
  row.status = static_cast<status>(q.integer(2));
  row.started = q.integer(3);
  row.ended = q.integer(4);
  row.cancel_requested = q.integer(5);
  row.last_seq = q.integer(6);
  row.reason = q.text(7);
  row.cancel_message = q.text(8);
  return &workflows_.rows.emplace(key.value, std::move(row)).first->second;
}

result<group_state*> row_cache::group(const event& x) {
  if (x.group.value >= max_rows)
    return no_such("group", x.group.value, x.workflow);
  const auto id = row_id(x.workflow.value, x.group.value);
  if (const auto known = groups_.rows.find(id); known != groups_.rows.end())
    return &known->second;
  auto& q = read_group_;
  const sqlite::statement_scope scope{q};
  q.bind(1, id);
  const int code = q.step();
  if (code == SQLITE_DONE)
    return no_such("group", x.group.value, x.workflow);
  if (code != SQLITE_ROW)
    return db_->failed("reading a group");
  group_state row;
  row.tasks = static_cast<std::uint32_t>(q.integer(0));
  row.status = static_cast<status>(q.integer(1));
  read_times(q, 2, row.times);
  row.reason = q.text(7);
  return &groups_.rows.emplace(id, std::move(row)).first->second;
}

result<task_state*> row_cache::task(const event& x) {
  if (x.task.value >= max_rows)
    return no_such("task", x.task.value, x.workflow);
  const auto id = row_id(x.workflow.value, x.task.value);
  if (const auto known = tasks_.rows.find(id); known != tasks_.rows.end())
    return &known->second;
  auto& q = read_task_;
  const sqlite::statement_scope scope{q};
  q.bind(1, id);
  const int code = q.step();
  if (code == SQLITE_DONE)
    return no_such("task", x.task.value, x.workflow);
  if (code != SQLITE_ROW)
    return db_->failed("reading a task");
  task_state row;
  row.group = static_cast<std::uint32_t>(q.integer(0));
  row.attempt = q.null(1) ? no_attempt : q.integer(1);
  row.status = static_cast<status>(q.integer(2));
  row.archived = q.integer(3) != 0;
  row.exit_code = q.null(4) ? no_exit_code : static_cast<std::int32_t>(q.integer(4));
  row.lease = static_cast<std::uint64_t>(q.integer(5));
  read_times(q, 6, row.times);
  row.reason = q.text(11);
  row.node = q.text(12);
  row.address = q.text(13);
  row.gpus = q.text(14);
  row.first_attempt = static_cast<std::uint32_t>(q.integer(15));
  return &tasks_.rows.emplace(id, std::move(row)).first->second;
}

// -- events

template <class State>
void row_cache::remember(table<State>& x, std::int64_t id, const State& row) {
  if (undoing_)
    x.before.emplace_back(id, row);
}

result<void> row_cache::apply(const event& x) {
  if (x.workflow.value <= 0)
    return {ec::not_found, "there is no workflow " + std::to_string(x.workflow.value)};
  switch (x.type) {
    case event_type::workflow_status:
    case event_type::workflow_cancel_requested:
    case event_type::workflow_resumed:
    case event_type::workflow_retried: return apply_workflow(x);
    case event_type::group_reopened:
    case event_type::group_status: return apply_group(x);
    case event_type::task_reopened:
    case event_type::task_status: return apply_task(x);
    case event_type::workflow_deleted:
      return {ec::invalid_argument, "a workflow is removed with its rows, not by a bare event"};
    case event_type::workflow_submitted:
      return {ec::invalid_argument, "a workflow is submitted with its rows, not as a bare event"};
    case event_type::unspecified: break;
  }
  return {ec::invalid_argument, "event type " + std::to_string(static_cast<int>(x.type)) + " is unknown"};
}

result<void> row_cache::apply_workflow(const event& x) {
  auto row = workflow(x.workflow);
  if (!row)
    return row.failure();
  auto& state = **row;
  const bool was_dirty = state.dirty;
  remember(workflows_, x.workflow.value, state);
  if (auto done = store::apply(state, x); !done)
    return done;
  if (!was_dirty)
    workflows_.dirty.push_back(x.workflow.value);
  return {};
}

result<void> row_cache::grow(const growth& x) {
  auto found = workflow(x.workflow);
  if (!found)
    return found.failure();
  auto& row = **found;
  const bool was_dirty = row.dirty;
  if (auto done = store::apply(row, x); !done)
    return done;
  if (!was_dirty)
    workflows_.dirty.push_back(x.workflow.value);
  return {};
}

void row_cache::note_late(workflow_state& parent, const event& x) {
  // Readers look for a finished workflow's events up to `last_seq`.
  if (!is_finished(parent.status))
    return;
  if (!parent.dirty)
    workflows_.dirty.push_back(x.workflow.value);
  parent.dirty = true;
  parent.last_seq = static_cast<std::int64_t>(x.seq.value);
}

result<void> row_cache::apply_group(const event& x) {
  auto parent = workflow(x.workflow);
  if (!parent)
    return parent.failure();
  auto row = group(x);
  if (!row)
    return row.failure();
  auto& state = **row;
  const auto id = row_id(x.workflow.value, x.group.value);
  const bool was_dirty = state.dirty;
  remember(groups_, id, state);
  if (auto done = store::apply(state, **parent, x); !done)
    return done;
  if (!was_dirty)
    groups_.dirty.push_back(id);
  note_late(**parent, x);
  return {};
}

result<void> row_cache::apply_task(const event& x) {
  auto parent = workflow(x.workflow);
  if (!parent)
    return parent.failure();
  auto row = task(x);
  if (!row)
    return row.failure();
  auto& state = **row;
  const auto id = row_id(x.workflow.value, x.task.value);
  const bool was_dirty = state.dirty;
  remember(tasks_, id, state);
  auto before = x.type == event_type::task_reopened ? std::optional{state} : std::nullopt;
  auto change = store::apply(state, **parent, x);
  if (!change)
    return change.failure();
  if (*change == task_change::archive)
    archive_.push_back({id, before ? *std::move(before) : state});
  if (!was_dirty)
    tasks_.dirty.push_back(id);
  note_late(**parent, x);
  return {};
}

// -- undo

void row_cache::keep() noexcept {
  undoing_ = false;
  workflows_.before.clear();
  groups_.before.clear();
  tasks_.before.clear();
  archive_before_ = archive_.size();
}

void row_cache::undo() {
  const auto restore = [](auto& x) {
    // Backwards, so that the oldest state wins. A row that stays in `dirty` is written as it was: harmless, but it must
    // be marked, or it would be listed twice.
    for (auto i = x.before.rbegin(); i != x.before.rend(); ++i) {
      auto& row = x.rows[i->first];
      const bool listed = row.dirty;
      row = std::move(i->second);
      row.dirty = listed;
    }
  };
  restore(workflows_);
  restore(groups_);
  restore(tasks_);
  archive_.resize(archive_before_);
  keep();
}

// -- writing

bool row_cache::write(std::int64_t id, const workflow_state& row) {
  auto& w = write_workflow_;
  w.bind(1, static_cast<std::int64_t>(row.status));
  w.bind_optional(2, row.started, 0);
  w.bind_optional(3, row.ended, 0);
  w.bind_optional(4, row.cancel_requested, 0);
  w.bind_optional(5, row.last_seq, 0);
  w.bind_optional(6, row.reason);
  w.bind_optional(7, row.cancel_message);
  w.bind(8, static_cast<std::int64_t>(row.groups));
  w.bind(9, static_cast<std::int64_t>(row.tasks));
  w.bind(10, id);
  return w.run() == SQLITE_DONE;
}

bool row_cache::write(std::int64_t id, const group_state& row) {
  auto& w = write_group_;
  w.bind(1, static_cast<std::int64_t>(row.status));
  bind_times(w, 2, row.times);
  w.bind_optional(7, row.reason);
  w.bind(8, id);
  return w.run() == SQLITE_DONE;
}

bool row_cache::write(std::int64_t id, const task_state& row) {
  auto& w = write_task_;
  bind_attempt(w, row);
  w.bind_optional(13, row.attempt, no_attempt);
  w.bind_optional(14, row.archived ? 1 : 0, 0);
  w.bind_optional(15, static_cast<std::int64_t>(row.first_attempt), 0);
  w.bind(16, id);
  return w.run() == SQLITE_DONE;
}

bool row_cache::write(const ended_attempt& x) {
  auto& w = write_attempt_;
  bind_attempt(w, x.state);
  w.bind(13, x.state.attempt);
  w.bind(14, x.task);
  return w.run() == SQLITE_DONE;
}

template <class State>
result<void> row_cache::flush(table<State>& x) {
  std::sort(x.dirty.begin(), x.dirty.end());
  for (const auto id : x.dirty) {
    auto& row = x.rows.find(id)->second;
    if (!write(id, row))
      return db_->failed("writing a row");
    row.dirty = false;
  }
  return {};
}

result<void> row_cache::flush() {
  for (auto& x : archive_)
    if (!write(x))
      return db_->failed("writing an attempt");
  archive_.clear();
  archive_before_ = 0;
  if (auto done = flush(workflows_); !done)
    return done;
  if (auto done = flush(groups_); !done)
    return done;
  if (auto done = flush(tasks_); !done)
    return done;
  trim();
  return {};
}

bool row_cache::heavy() const noexcept {
  return tasks_.dirty.size() + groups_.dirty.size() + workflows_.dirty.size() + archive_.size() > max_dirty;
}

void row_cache::trim() {
  const auto drop_finished = [](auto& x) {
    for (const auto id : x.dirty)
      if (const auto row = x.rows.find(id); row != x.rows.end() && over(row->second))
        x.rows.erase(row);
    x.dirty.clear();
    if (x.rows.size() > max_kept)
      x.rows.clear();
  };
  drop_finished(workflows_);
  drop_finished(groups_);
  drop_finished(tasks_);
}

void row_cache::forget(workflow_key key) {
  workflows_.rows.erase(key.value);
}

void row_cache::clear() noexcept {
  workflows_.clear();
  groups_.clear();
  tasks_.clear();
  archive_.clear();
  archive_before_ = 0;
  undoing_ = false;
}

} // namespace muster::store
