#include "muster/store/reader.hpp"

#include "near.hpp"
#include "projection.hpp"
#include "reader_impl.hpp"
#include "schema.hpp"
#include "stop_text.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

namespace muster::store {

namespace {

constexpr const char* task_columns = "SELECT id, position_of_group, name, lead, status, attempt, exit_code, lease, "
                                     "processing, scheduling, initializing, "
                                     "running, ended, reason, node, address, gpus, archived, first_attempt FROM task ";
// A group of one has no state of its own: it is read from its task, and from the task's first attempt if it had more
// (since it was reopened).
constexpr const char* group_columns =
    "SELECT g.id, g.name, g.barrier, g.ignore_nonlead, g.first_task, g.tasks, "
    "ifnull(t.status, g.status), ifnull(a.processing, ifnull(t.processing, g.processing)), "
    "ifnull(a.scheduling, ifnull(t.scheduling, g.scheduling)), "
    "ifnull(a.initializing, ifnull(t.initializing, g.initializing)), "
    "ifnull(a.running, ifnull(t.running, g.running)), ifnull(t.ended, g.ended), "
    "CASE WHEN t.id IS NULL THEN g.reason ELSE t.reason END, g.stopping "
    "FROM task_group g LEFT JOIN task t ON g.tasks = 1 AND t.id = (g.id & ~16777215) + g.first_task "
    "LEFT JOIN attempt a ON t.attempt > ifnull(t.first_attempt, 0) AND a.task = t.id "
    "AND a.number = ifnull(t.first_attempt, 0) ";
/// The same as far as it says which one it is, and whether it has ended.
constexpr const char* group_state_columns =
    "SELECT g.id, ifnull(t.status, g.status), g.name FROM task_group g "
    "LEFT JOIN task t ON g.tasks = 1 AND t.id = (g.id & ~16777215) + g.first_task ";
static_assert(max_rows - 1 == 16'777'215);

stage_times times_at(const sqlite::statement& q, int first) {
  return {time_at(q, first), time_at(q, first + 1), time_at(q, first + 2), time_at(q, first + 3),
          time_at(q, first + 4)};
}

group_record group_at(const sqlite::statement& q) {
  group_record x;
  x.index.value = row_index(q.integer(0));
  x.name = q.text(1);
  x.barrier = q.integer(2) != 0;
  x.ignore_nonlead_status = q.integer(3) != 0;
  x.first_task.value = static_cast<std::uint32_t>(q.integer(4));
  x.tasks = static_cast<std::uint32_t>(q.integer(5));
  x.status = static_cast<status>(q.integer(6));
  x.times = times_at(q, 7);
  x.reason = q.text(12);
  x.stopping = stop_of(q.text(13));
  if (x.status == status::rescheduled) // Of its task: the group goes on.
    x.status = status::running;
  if (!is_group_finished(x.status))
    x.times.ended.reset();
  return x;
}

/// The columns from `exit_code` on, as `task_columns` and `attempt` have them.
attempt_record attempt_at(const sqlite::statement& q, int number, int status_column, int rest) {
  attempt_record x;
  x.number = static_cast<std::uint32_t>(q.integer(number));
  x.status = static_cast<status>(q.integer(status_column));
  x.exit_code = q.null(rest) ? no_exit_code : static_cast<std::int32_t>(q.integer(rest));
  x.lease.value = static_cast<std::uint64_t>(q.integer(rest + 1));
  x.times = times_at(q, rest + 2);
  x.reason = q.text(rest + 7);
  x.node = q.text(rest + 8);
  x.address = q.text(rest + 9);
  x.gpus = q.text(rest + 10);
  return x;
}

struct read_task {
  task_record task;
  bool archived = false; ///< The latest attempt is to be read from its own row.
};

read_task task_at(const sqlite::statement& q) {
  read_task out;
  auto& x = out.task;
  x.index.value = row_index(q.integer(0));
  x.group.value = static_cast<std::uint32_t>(q.integer(1));
  x.name = q.text(2);
  x.lead = q.integer(3) != 0;
  x.status = static_cast<status>(q.integer(4));
  x.reason = q.text(13);
  if (is_group_finished(x.status))
    x.ended = time_at(q, 12);
  if (!q.null(5))
    x.attempt = attempt_at(q, 5, 4, 6);
  out.archived = q.integer(17) != 0;
  x.first_attempt = static_cast<std::uint32_t>(q.integer(18));
  return out;
}

/// Ids of the rows of a workflow from `first` on.
void bind_range(sqlite::statement& q, workflow_key key, std::uint32_t first, std::size_t limit) {
  const auto size = std::min<std::size_t>(limit, max_rows);
  q.bind(1, row_id(key.value, std::min<std::uint64_t>(first, max_rows)));
  q.bind(2, row_id(key.value + 1, 0));
  q.bind(3, static_cast<std::int64_t>(size));
}

/// A page of results ends with the one that reaches this.
constexpr std::size_t page_bytes = std::size_t{8} << 20U;

constexpr const char* range = "WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT ?3";

} // namespace

result<std::vector<group_record>> reader::groups(workflow_key key, group_index first, std::size_t limit) {
  auto prepared =
      impl_->statement(std::string{group_columns} + "WHERE g.id >= ?1 AND g.id < ?2 ORDER BY g.id LIMIT ?3");
  if (!prepared)
    return prepared.failure();
  auto& q = **prepared;
  const sqlite::statement_scope scope{q};
  bind_range(q, key, first.value, limit);
  std::vector<group_record> out;
  int code = SQLITE_DONE;
  while ((code = q.step()) == SQLITE_ROW)
    out.push_back(group_at(q));
  if (code != SQLITE_DONE)
    return impl_->failed("reading groups");
  return out;
}

result<group_record> reader::group(workflow_key key, std::string_view name) {
  auto prepared =
      impl_->statement(std::string{group_columns} + "WHERE g.id >= ?1 AND g.id < ?2 AND g.name = ?4 LIMIT ?3");
  if (!prepared)
    return prepared.failure();
  auto& q = **prepared;
  const sqlite::statement_scope scope{q};
  bind_range(q, key, 0, 1);
  q.bind(4, name);
  const int code = q.step();
  if (code == SQLITE_ROW)
    return group_at(q);
  if (code != SQLITE_DONE)
    return impl_->failed("reading a group");
  return error{ec::not_found, "there is no group " + std::string{name}};
}

result<std::vector<task_record>> reader::tasks(workflow_key key, task_index first, std::size_t limit) {
  auto prepared = impl_->statement(std::string{task_columns} + range);
  if (!prepared)
    return prepared.failure();
  auto& q = **prepared;
  const sqlite::statement_scope scope{q};
  bind_range(q, key, first.value, limit);
  std::vector<task_record> out;
  int code = SQLITE_DONE;
  while ((code = q.step()) == SQLITE_ROW) {
    auto x = task_at(q);
    if (x.archived)
      if (auto done = read_archived(key, x.task); !done)
        return done.failure();
    out.push_back(std::move(x.task));
  }
  if (code != SQLITE_DONE)
    return impl_->failed("reading tasks");
  return out;
}

result<void> reader::read_archived(workflow_key key, task_record& x) {
  auto prepared =
      impl_->statement("SELECT number, status, exit_code, lease, processing, scheduling, initializing, "
                       "running, ended, reason, node, address, gpus FROM attempt WHERE task=? AND number=?");
  if (!prepared)
    return prepared.failure();
  auto& q = **prepared;
  const sqlite::statement_scope scope{q};
  q.bind(1, row_id(key.value, x.index.value));
  q.bind(2, static_cast<std::int64_t>(x.attempt ? x.attempt->number : 0));
  if (q.step() != SQLITE_ROW)
    return impl_->failed("reading an attempt");
  x.attempt = attempt_at(q, 0, 1, 2);
  return {};
}

result<std::vector<task_body>> reader::bodies(workflow_key key, task_index first, std::size_t limit) {
  auto prepared = impl_->statement(
      "SELECT t.id, r.text, b.text FROM task t JOIN task_text r ON r.id = (t.id & ~16777215) + t.request "
      "JOIN task_text b ON b.id = (t.id & ~16777215) + t.body WHERE t.id >= ?1 AND t.id < ?2 ORDER BY t.id LIMIT ?3");
  if (!prepared)
    return prepared.failure();
  auto& q = **prepared;
  const sqlite::statement_scope scope{q};
  bind_range(q, key, first.value, limit);
  std::vector<task_body> out;
  int code = SQLITE_DONE;
  while ((code = q.step()) == SQLITE_ROW)
    out.push_back({task_index{row_index(q.integer(0))}, std::string{q.text(1)}, std::string{q.text(2)}});
  if (code != SQLITE_DONE)
    return impl_->failed("reading task bodies");
  return out;
}

result<std::vector<group_index>> reader::upstream(workflow_key key, group_index group) {
  auto prepared = impl_->statement("SELECT positions FROM group_upstream WHERE id = ?");
  if (!prepared)
    return prepared.failure();
  auto& q = **prepared;
  const sqlite::statement_scope scope{q};
  std::vector<group_index> out;
  if (group.value >= max_rows)
    return out;
  q.bind(1, row_id(key.value, group.value));
  const int code = q.step();
  if (code == SQLITE_ROW) {
    const auto bytes = q.text(0);
    out.resize(bytes.size() / sizeof(group_index));
    if (!out.empty())
      std::memcpy(out.data(), bytes.data(), out.size() * sizeof(group_index));
  } else if (code != SQLITE_DONE) {
    return impl_->failed("reading the edges of a group");
  }
  return out;
}

result<std::vector<std::string>> reader::group_names(workflow_key key, const std::vector<group_index>& groups,
                                                     std::size_t limit, bool open_only) {
  // To look a row up costs as much as to pass by so many.
  constexpr std::uint32_t far = 8;
  auto prepared = impl_->statement(std::string{group_state_columns} + "WHERE g.id >= ?1 AND g.id <= ?2 ORDER BY g.id");
  if (!prepared)
    return prepared.failure();
  auto& q = **prepared;
  std::vector<std::string> out;
  for (auto next = groups.begin(); next != groups.end() && next->value < max_rows && out.size() < limit;) {
    const sqlite::statement_scope scope{q};
    q.bind(1, row_id(key.value, next->value));
    q.bind(2, row_id(key.value, std::min<std::uint64_t>(groups.back().value, max_rows - 1)));
    int code = SQLITE_DONE;
    while (next != groups.end() && out.size() < limit && (code = q.step()) == SQLITE_ROW) {
      const auto at = row_index(q.integer(0));
      while (next != groups.end() && next->value < at)
        ++next;
      if (next != groups.end() && next->value == at) {
        ++next;
        if (!open_only || !is_group_finished(static_cast<status>(q.integer(1))))
          out.emplace_back(q.text(2));
      }
      if (next != groups.end() && next->value - at > far)
        break;
    }
    if (code == SQLITE_DONE)
      return out;
    if (code != SQLITE_ROW)
      return impl_->failed("reading names of groups");
  }
  return out;
}

result<task_record> reader::task(workflow_key key, std::string_view name) {
  {
    auto prepared = impl_->statement(std::string{task_columns} + "WHERE id >= ?1 AND id < ?2 AND name = ?4 LIMIT ?3");
    if (!prepared)
      return prepared.failure();
    auto& q = **prepared;
    const sqlite::statement_scope scope{q};
    bind_range(q, key, 0, 1);
    q.bind(4, name);
    const int code = q.step();
    if (code == SQLITE_ROW) {
      auto x = task_at(q);
      if (x.archived)
        if (auto done = read_archived(key, x.task); !done)
          return done.failure();
      return std::move(x.task);
    }
    if (code != SQLITE_DONE)
      return impl_->failed("reading a task");
  }
  std::vector<std::string> known;
  if (auto list = tasks(key, {}, 1000); list)
    for (auto& x : *list)
      known.push_back(std::move(x.name));
  return error{ec::not_found, "there is no task " + std::string{name} + suggestion(name, std::move(known))};
}

result<std::vector<attempt_record>> reader::attempts(workflow_key key, task_index task) {
  auto prepared = impl_->statement(
      "SELECT number, status, exit_code, lease, processing, scheduling, initializing, running, ended, reason, node, "
      "address, gpus FROM attempt WHERE task = ?1 UNION ALL "
      "SELECT attempt, status, exit_code, lease, processing, scheduling, initializing, running, ended, reason, node, "
      "address, gpus FROM task WHERE id = ?1 AND attempt IS NOT NULL AND archived IS NULL ORDER BY 1");
  if (!prepared)
    return prepared.failure();
  auto& q = **prepared;
  const sqlite::statement_scope scope{q};
  std::vector<attempt_record> out;
  if (task.value >= max_rows)
    return out;
  q.bind(1, row_id(key.value, task.value));
  int code = SQLITE_DONE;
  while ((code = q.step()) == SQLITE_ROW)
    out.push_back(attempt_at(q, 0, 1, 2));
  if (code != SQLITE_DONE)
    return impl_->failed("reading attempts");
  return out;
}

result<std::optional<std::string>> reader::task_result(workflow_key key, task_index task) {
  auto prepared = impl_->statement("SELECT text FROM task_result WHERE id = ?");
  if (!prepared)
    return prepared.failure();
  auto& q = **prepared;
  const sqlite::statement_scope scope{q};
  if (task.value >= max_rows)
    return std::optional<std::string>{};
  q.bind(1, row_id(key.value, task.value));
  const int code = q.step();
  if (code == SQLITE_ROW)
    return std::optional{std::string{q.text(0)}};
  if (code != SQLITE_DONE)
    return impl_->failed("reading a result");
  return std::optional<std::string>{};
}

result<result_page> reader::task_results(workflow_key key, task_index first, std::size_t limit) {
  auto prepared = impl_->statement(std::string{"SELECT id, text FROM task_result "} + range);
  if (!prepared)
    return prepared.failure();
  auto& q = **prepared;
  const sqlite::statement_scope scope{q};
  // One more than wanted tells whether there is more.
  bind_range(q, key, first.value, std::min(limit, max_rows) + 1);
  result_page out;
  out.next = first;
  std::size_t bytes = 0;
  int code = SQLITE_DONE;
  while ((code = q.step()) == SQLITE_ROW) {
    if (out.results.size() == limit || bytes >= page_bytes)
      return out;
    out.results.push_back({task_index{row_index(q.integer(0))}, std::string{q.text(1)}});
    out.next.value = out.results.back().index.value + 1;
    bytes += out.results.back().text.size();
  }
  if (code != SQLITE_DONE)
    return impl_->failed("reading results");
  out.at_end = true;
  return out;
}

result<std::vector<std::pair<status, std::uint64_t>>> reader::task_counts(workflow_key key) {
  auto prepared =
      impl_->statement("SELECT status, count(*) FROM task WHERE id >= ?1 AND id < ?2 GROUP BY 1 ORDER BY 1");
  if (!prepared)
    return prepared.failure();
  auto& q = **prepared;
  const sqlite::statement_scope scope{q};
  q.bind(1, row_id(key.value, 0));
  q.bind(2, row_id(key.value + 1, 0));
  std::vector<std::pair<status, std::uint64_t>> out;
  int code = SQLITE_DONE;
  while ((code = q.step()) == SQLITE_ROW)
    out.emplace_back(static_cast<status>(q.integer(0)), static_cast<std::uint64_t>(q.integer(1)));
  if (code != SQLITE_DONE)
    return impl_->failed("counting tasks");
  return out;
}

} // namespace muster::store
