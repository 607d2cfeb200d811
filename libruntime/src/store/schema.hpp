#pragma once

#include "muster/base/result.hpp"
#include "sqlite.hpp"

#include <cstdint>
#include <vector>

/// What the tables look like, and how an older store gets there. Private to the store.
namespace muster::store {

/// `PRAGMA application_id` of a store: "Mstr".
constexpr std::int32_t application_id = 0x4d737472;

/// One step of the schema. A store of version N has had the first N steps. A step that was released never changes.
struct migration {
  std::int32_t version;
  const char* sql;
};

/// All steps in order; the last one's version is the current one.
[[nodiscard]] const std::vector<migration>& migrations();

/// Brings the store to the last of `steps`, in one transaction: a step that fails leaves it to the Muster that wrote
/// it. Creates it where the file is empty. Fails with `store_corrupt` for a file that is not a store, `store_version`
/// for one that is newer.
[[nodiscard]] result<void> migrate(sqlite::connection& db, const std::vector<migration>& steps);

/// For readers: `store_version` unless the store has the current schema, `store_corrupt` if it is none.
[[nodiscard]] result<void> check_schema(sqlite::connection& db);

/// For a restore: fails unless it is a store that `migrate` can bring up to date, or that is.
[[nodiscard]] result<void> check_restorable(sqlite::connection& db);

// Rows of groups, tasks and texts are keyed by workflow and position in one integer, which is the rowid: no second
// index, and the rows of a workflow lie together in the order of its plan.

constexpr unsigned index_bits = 24;
/// Groups, and tasks, that one workflow may have.
constexpr std::size_t max_rows = std::size_t{1} << index_bits;

/// The rowid of row `index` of a workflow.
[[nodiscard]] constexpr std::int64_t row_id(std::int64_t workflow, std::uint64_t index) noexcept {
  return (workflow << index_bits) + static_cast<std::int64_t>(index);
}
/// The inverse: the position.
[[nodiscard]] constexpr std::uint32_t row_index(std::int64_t id) noexcept {
  return static_cast<std::uint32_t>(static_cast<std::uint64_t>(id) & (max_rows - 1));
}

} // namespace muster::store
