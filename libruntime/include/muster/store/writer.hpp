#pragma once

#include "muster/base/ids.hpp"
#include "muster/base/result.hpp"
#include "muster/base/time.hpp"
#include "muster/event/event.hpp"
#include "muster/store/cache.hpp"
#include "muster/store/layout.hpp"
#include "muster/store/service.hpp"
#include "muster/store/submission.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace muster::store {

/// Whether an error of `writer` refuses the one call only; any other has rolled back the transaction.
[[nodiscard]] bool is_refusal(ec code) noexcept;

/// The one writer of a store. Everything between two commits is one transaction: events and the rows they change become
/// durable together, or not at all. Owned by one thread at a time.
///
/// Errors of `submit`, `grow`, the changes and `append` are of two kinds. `invalid_argument`, `not_found`, `conflict`,
/// `limit_exceeded` and `idempotency_mismatch` refuse the one call: nothing of it is stored, the transaction goes on.
/// Any other error has rolled back the whole transaction: every further call fails likewise until `commit` has reported
/// it or `rollback` was called; after that the writer is where it was after the last commit, and may go on. No sequence
/// number is lost by either.
class writer {
public:
  /// Creates the state directory and the store where they are missing, takes the writer's lock and migrates the schema.
  /// Fails with `store_locked`, `store_corrupt` (damaged, or not Muster's), `store_version` (of a newer Muster),
  /// `store_full` or `io_error`. Events that come without a time get that of `now`; of the system without it.
  [[nodiscard]] static result<writer> open(const state_directory& directory, std::function<timestamp()> now = {});
  /// The same for who holds the lock of the directory already. A missing store becomes `empty`, what `make_empty_store`
  /// gave; it is made here if that is empty.
  [[nodiscard]] static result<writer> open(const state_directory& directory, writer_lock lock,
                                           std::function<timestamp()> now = {}, std::string empty = {});

  writer(writer&&) noexcept;
  writer& operator=(writer&&) noexcept;
  /// Rolls back what is not committed.
  ~writer();

  /// Stores a workflow with all its rows and its `workflow_submitted` event; or finds the one that was accepted before
  /// under the same key, `idempotency_mismatch` if something else was sent under it.
  [[nodiscard]] result<submitted_workflow> submit(const submission& x);

  /// Adds groups and tasks to a workflow that has not finished. Has no event of its own. Refused with `conflict` unless
  /// their numbers go on where the workflow's end.
  [[nodiscard]] result<void> grow(const growth& x);

  /// Changes what may serve again. Has no event of its own.
  [[nodiscard]] result<void> change_cache(const cache_change& x);

  /// Changes what a head keeps beside workflows. Has no event of its own. The number of the row that was made, else how
  /// many rows were changed.
  [[nodiscard]] result<std::int64_t> change_service(const service_change& x);

  /// Deletes a finished workflow: from the commit on readers do not find it. Its `workflow_deleted` event, numbered.
  /// `conflict` if it has not finished. Its rows are removed by `sweep`, its folder is the caller's.
  [[nodiscard]] result<event> remove_workflow(workflow_key key, std::string text, timestamp time = {});

  /// Removes about so many rows of deleted workflows, and, when there are none, makes the database's file smaller,
  /// piece by piece; whether there is more to be done now. Names of their groups and tasks stay until their events are
  /// gone.
  [[nodiscard]] result<bool> sweep(std::size_t rows);

  /// Removes at most so many events, the oldest first, up to and including `through`: the log begins behind them. How
  /// many were removed.
  [[nodiscard]] result<std::size_t> compact(sequence through, std::size_t rows);

  /// Numbers one event, stores it and applies it to the rows. Refused with `conflict`: any change of what is finished;
  /// an attempt that was made before, or whose predecessor has not ended; a step back of an attempt that runs; an
  /// attempt that is not the latest; a status of a group of one (its task's is its own); a result of what has not
  /// ended. Only `workflow_retried`, and then `group_reopened` and `task_reopened`, undo an end. `time` 0 becomes now;
  /// the status of such an event is set.
  [[nodiscard]] result<sequence> append(event x);

  /// Likewise for several events that belong together: all, or none. Sets their `seq` (and `time` where it is 0).
  [[nodiscard]] result<void> append(std::vector<event>& batch);

  /// Makes everything since the last commit durable: when it returns well, it is on disk. Fails with `store_full`,
  /// `io_error` or what an earlier call reported; then nothing of the transaction is stored.
  [[nodiscard]] result<void> commit();

  /// Gives up a little of the disk that is held for the time when there is no room else, so that what frees more can be
  /// written down; false if that was done before. Later commits take it again, when there is plenty.
  [[nodiscard]] bool make_room() noexcept;

  /// Forgets everything since the last commit.
  void rollback();

  /// The number of the last event, whether committed or not; 0 if there is none.
  [[nodiscard]] sequence latest() const noexcept;

  /// How many events wait for a commit.
  [[nodiscard]] std::size_t pending() const noexcept;

private:
  class impl;
  explicit writer(std::unique_ptr<impl> x) noexcept;
  std::unique_ptr<impl> impl_;
};

} // namespace muster::store
