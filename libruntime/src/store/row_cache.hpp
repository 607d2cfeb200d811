#pragma once

#include "muster/base/result.hpp"
#include "muster/store/submission.hpp"
#include "projection.hpp"
#include "sqlite.hpp"

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

/// The rows that events change. Private to the store.
namespace muster::store {

/// Rows in memory, written once per transaction however many events changed them. What it keeps between transactions
/// are rows that are likely to change again; the number is bounded.
class row_cache {
public:
  [[nodiscard]] static result<row_cache> prepare(sqlite::connection& db);

  /// Applies one event. A refusal (`conflict`, `not_found`, `invalid_argument`) changes nothing.
  [[nodiscard]] result<void> apply(const event& x);

  /// Counts the rows of a growth, which the caller inserts. Refused likewise.
  [[nodiscard]] result<void> grow(const growth& x);

  /// From here on changes can be taken back by `undo`, until `keep`.
  void begin_undo() noexcept { undoing_ = true; }
  void keep() noexcept;
  void undo();

  /// Writes what changed; the transaction must be open.
  [[nodiscard]] result<void> flush();
  /// Whether so much has changed that it should be written before more comes.
  [[nodiscard]] bool heavy() const noexcept;
  /// After a commit: lets go of rows that will not change again, and of all when there are too many.
  void trim();
  /// After a `flush`: that workflow is gone. What is held of its tasks harms nobody, because all goes by the workflow.
  void forget(workflow_key key);
  /// After a rollback: what is held is not true any more.
  void clear() noexcept;

private:
  template <class State>
  struct table {
    std::unordered_map<std::int64_t, State> rows;
    std::vector<std::int64_t> dirty;
    std::vector<std::pair<std::int64_t, State>> before;
    void clear() noexcept;
  };
  struct ended_attempt {
    std::int64_t task;
    task_state state;
  };

  explicit row_cache(sqlite::connection& db) noexcept : db_(&db) {}

  [[nodiscard]] result<workflow_state*> workflow(workflow_key key);
  [[nodiscard]] result<group_state*> group(const event& x);
  [[nodiscard]] result<task_state*> task(const event& x);

  [[nodiscard]] result<void> apply_workflow(const event& x);
  [[nodiscard]] result<void> apply_group(const event& x);
  [[nodiscard]] result<void> apply_task(const event& x);
  void note_late(workflow_state& parent, const event& x);

  [[nodiscard]] bool write(std::int64_t id, const workflow_state& row);
  [[nodiscard]] bool write(std::int64_t id, const group_state& row);
  [[nodiscard]] bool write(std::int64_t id, const task_state& row);
  [[nodiscard]] bool write(const ended_attempt& x);
  template <class State>
  [[nodiscard]] result<void> flush(table<State>& x);
  template <class State>
  void remember(table<State>& x, std::int64_t id, const State& row);

  sqlite::connection* db_;
  sqlite::statement read_workflow_, read_group_, read_task_;
  sqlite::statement write_workflow_, write_group_, write_task_, write_attempt_;
  table<workflow_state> workflows_;
  table<group_state> groups_;
  table<task_state> tasks_;
  std::vector<ended_attempt> archive_;
  std::size_t archive_before_ = 0;
  bool undoing_ = false;
};

} // namespace muster::store
