#include "remover.hpp"

#include "muster/state/status.hpp"
#include "schema.hpp"

#include <algorithm>
#include <utility>

namespace muster::store {

namespace {

/// `removed_workflow.phase`. Stored: never changes.
constexpr int phase_rows = 1;  ///< What no event needs is being removed.
constexpr int phase_names = 2; ///< Names are kept until its events are gone.

// The range ends below the first row of the next workflow. `rowid` is the id, where there is one.
constexpr const char* delete_texts = "DELETE FROM task_text WHERE id IN (SELECT id FROM task_text WHERE id >= ?1 AND "
                                     "id < ?2 ORDER BY id LIMIT ?3)";
constexpr const char* delete_upstream = "DELETE FROM group_upstream WHERE id IN (SELECT id FROM group_upstream WHERE "
                                        "id >= ?1 AND id < ?2 ORDER BY id LIMIT ?3)";
constexpr const char* delete_results = "DELETE FROM task_result WHERE id IN (SELECT id FROM task_result WHERE id >= ?1 "
                                       "AND id < ?2 ORDER BY id LIMIT ?3)";
constexpr const char* delete_notes = "DELETE FROM cache_note WHERE id IN (SELECT id FROM cache_note WHERE id >= ?1 AND "
                                     "id < ?2 ORDER BY id LIMIT ?3)";
constexpr const char* delete_attempts = "DELETE FROM attempt WHERE (task, number) IN (SELECT task, number FROM attempt "
                                        "WHERE task >= ?1 AND task < ?2 ORDER BY task, number LIMIT ?3)";
constexpr const char* delete_tasks = "DELETE FROM task WHERE id IN (SELECT id FROM task WHERE id >= ?1 AND id < ?2 "
                                     "ORDER BY id LIMIT ?3)";
constexpr const char* delete_groups = "DELETE FROM task_group WHERE id IN (SELECT id FROM task_group WHERE id >= ?1 "
                                      "AND id < ?2 ORDER BY id LIMIT ?3)";

/// What can be removed now, the longest hidden first.
constexpr const char* next_removal =
    "SELECT workflow, phase FROM removed_workflow WHERE phase = 1 OR (phase = 2 AND last_seq < "
    "(SELECT value FROM counter WHERE name='earliest_sequence')) ORDER BY phase, last_seq LIMIT 1";

} // namespace

result<remover> remover::prepare(sqlite::connection& db) {
  remover x{db};
  x.forget_.resize(5);
  x.ranges_.resize(7);
  const std::pair<sqlite::statement*, const char*> all[] = {
      {&x.find_, "SELECT status FROM workflow WHERE key=?"},
      {&x.hide_, "INSERT INTO removed_workflow SELECT key, name || '-' || number, user, first_seq, ?2, 1 FROM workflow "
                 "WHERE key=?1"},
      {&x.next_, next_removal},
      {&x.advance_, "UPDATE removed_workflow SET phase=?2 WHERE workflow=?1"},
      {&x.done_, "DELETE FROM removed_workflow WHERE workflow=?"},
      {&x.events_, "DELETE FROM event WHERE seq >= ?1 AND seq <= ?2"},
      {&x.earliest_, "UPDATE counter SET value=?1 WHERE name='earliest_sequence'"},
      {&x.forget_[0],
       "DELETE FROM workflow_label WHERE workflow=?1 AND (name, has_value, value) IN (SELECT l.key, 0, "
       "'' FROM workflow w, json_each(w.labels) l WHERE w.key=?1 UNION ALL SELECT l.key, 1, l.value FROM "
       "workflow w, json_each(w.labels) l WHERE w.key=?1)"},
      {&x.forget_[1], "DELETE FROM workflow_spec WHERE workflow=?"},
      {&x.forget_[2], "DELETE FROM workflow_flow WHERE workflow=?"},
      {&x.forget_[3], "DELETE FROM cache WHERE workflow=?"},
      {&x.forget_[4], "DELETE FROM workflow WHERE key=?"},
      {&x.ranges_[0].remove, delete_texts},
      {&x.ranges_[1].remove, delete_upstream},
      {&x.ranges_[2].remove, delete_results},
      {&x.ranges_[3].remove, delete_notes},
      {&x.ranges_[4].remove, delete_attempts},
      {&x.ranges_[5].remove, delete_tasks},
      {&x.ranges_[6].remove, delete_groups},
  };
  for (const auto& [into, sql] : all) {
    auto made = db.prepare(sql);
    if (!made)
      return made.failure();
    *into = std::move(*made);
  }
  for (std::size_t i = 0; i < x.ranges_.size(); ++i)
    x.ranges_[i].phase = i < 5 ? phase_rows : phase_names;
  return x;
}

result<std::size_t> remover::run(sqlite::statement& x) {
  if (x.run() != SQLITE_DONE)
    return db_->failed("removing rows");
  return static_cast<std::size_t>(sqlite3_changes(db_->get()));
}

result<void> remover::hide(workflow_key key, sequence seq) {
  {
    const sqlite::statement_scope scope{find_};
    find_.bind(1, key.value);
    const int code = find_.step();
    if (code == SQLITE_DONE)
      return {ec::not_found, "there is no workflow " + std::to_string(key.value)};
    if (code != SQLITE_ROW)
      return db_->failed("reading a workflow");
    const auto now = static_cast<status>(find_.integer(0));
    if (!is_finished(now))
      return {ec::conflict, "the workflow is " + std::string{to_string(now)} + ": only what has finished is deleted"};
  }
  hide_.bind(1, key.value);
  hide_.bind(2, static_cast<std::int64_t>(seq.value));
  if (auto done = run(hide_); !done)
    return done.failure();
  for (auto& x : forget_) {
    x.bind(1, key.value);
    if (auto done = run(x); !done)
      return done.failure();
  }
  return {};
}

result<bool> remover::remove_rows(std::int64_t key, int phase, std::size_t& budget) {
  for (auto& x : ranges_) {
    if (x.phase != phase)
      continue;
    if (budget == 0)
      return false;
    x.remove.bind(1, row_id(key, 0));
    x.remove.bind(2, row_id(key + 1, 0));
    x.remove.bind(3, static_cast<std::int64_t>(budget));
    const auto removed = run(x.remove);
    if (!removed)
      return removed.failure();
    budget -= std::min(*removed, budget);
  }
  return budget != 0;
}

result<void> remover::end_phase(std::int64_t key, int phase) {
  auto& x = phase == phase_rows ? advance_ : done_;
  x.bind(1, key);
  if (phase == phase_rows)
    x.bind(2, std::int64_t{phase_names});
  if (auto done = run(x); !done)
    return done.failure();
  return {};
}

result<bool> remover::sweep(std::size_t rows) {
  auto budget = std::max<std::size_t>(rows, 2); // One would never get anywhere.
  while (budget != 0) {
    std::int64_t key = 0;
    int phase = 0;
    {
      const sqlite::statement_scope scope{next_};
      const int code = next_.step();
      if (code == SQLITE_DONE)
        return false;
      if (code != SQLITE_ROW)
        return db_->failed("looking for what is to be removed");
      key = next_.integer(0);
      phase = static_cast<int>(next_.integer(1));
    }
    --budget; // A workflow without rows costs something, too.
    const auto whole = remove_rows(key, phase, budget);
    if (!whole)
      return whole.failure();
    if (*whole)
      if (auto done = end_phase(key, phase); !done)
        return done.failure();
  }
  return true;
}

result<bool> remover::shrink() {
  constexpr std::int64_t piece = 256;
  constexpr std::int64_t least_kept = 1024;
  const auto whole = db_->number("PRAGMA page_count", "asking for the size of the store");
  const auto unused = db_->number("PRAGMA freelist_count", "asking for unused pages");
  if (!whole || !unused)
    return whole ? unused.failure() : whole.failure();
  const auto spare = *unused - std::max(least_kept, *whole / 8);
  if (spare <= 0)
    return false;
  if (auto done = db_->run("PRAGMA incremental_vacuum(256)", "giving unused pages back"); !done)
    return done.failure();
  const auto left = db_->number("PRAGMA freelist_count", "asking for unused pages");
  if (!left)
    return left.failure();
  return spare > piece && *left < *unused;
}

result<std::size_t> remover::compact(sequence through, std::size_t rows) {
  const auto first = db_->number("SELECT value FROM counter WHERE name='earliest_sequence'", "reading the first event");
  if (!first)
    return first.failure();
  const auto begin = static_cast<std::uint64_t>(*first);
  if (through.value < begin || rows == 0)
    return std::size_t{0};
  const auto last = std::min(through.value, begin + rows - 1);
  events_.bind(1, static_cast<std::int64_t>(begin));
  events_.bind(2, static_cast<std::int64_t>(last));
  auto removed = run(events_);
  if (!removed)
    return removed;
  earliest_.bind(1, static_cast<std::int64_t>(last + 1));
  if (auto done = run(earliest_); !done)
    return done;
  return removed;
}

} // namespace muster::store
