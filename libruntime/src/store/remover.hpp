#pragma once

#include "muster/base/ids.hpp"
#include "muster/base/result.hpp"
#include "sqlite.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace muster::store {

/// Removes workflows and events, piece by piece. A workflow is hidden at once; its rows go later: first what no event
/// needs, and then, when no event of it is left, the names of its groups and tasks. Where it is with that is in the
/// store itself, so that a restart goes on. `db` must outlive it.
class remover {
public:
  [[nodiscard]] static result<remover> prepare(sqlite::connection& db);

  /// Hides a workflow whose end is in the database; `seq` is the number of its event, which the caller inserts.
  /// `not_found`, or `conflict` if it has not finished.
  [[nodiscard]] result<void> hide(workflow_key key, sequence seq);

  /// Removes about so many rows of what is hidden; whether there is more to be removed now.
  [[nodiscard]] result<bool> sweep(std::size_t rows);

  /// Gives up to a megabyte of the database's file back, if more of it is unused than new rows will soon fill: an
  /// eighth of it, and four megabytes. Whether there is more to be given back.
  [[nodiscard]] result<bool> shrink();

  /// Removes at most so many events, the oldest first, up to and including `through`; how many.
  [[nodiscard]] result<std::size_t> compact(sequence through, std::size_t rows);

private:
  /// One table of which a workflow has a range.
  struct range {
    sqlite::statement remove; ///< Lowest, highest, limit.
    int phase = 0;            ///< In which it is removed.
  };

  explicit remover(sqlite::connection& db) noexcept : db_(&db) {}
  [[nodiscard]] result<std::size_t> run(sqlite::statement& x);
  /// Removes about so many rows of `key`; whether that was all of this phase.
  [[nodiscard]] result<bool> remove_rows(std::int64_t key, int phase, std::size_t& budget);
  [[nodiscard]] result<void> end_phase(std::int64_t key, int phase);

  sqlite::connection* db_;
  sqlite::statement find_, hide_, next_, advance_, done_, events_, earliest_;
  std::vector<sqlite::statement> forget_; ///< Of one workflow, at once: all is short.
  std::vector<range> ranges_;
};

} // namespace muster::store
