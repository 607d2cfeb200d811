#pragma once

#include "muster/store/cache.hpp"
#include "sqlite.hpp"

#include <optional>

namespace muster::store {

/// Writes the tables of the cache. `db` must outlive it.
class cache_table {
public:
  [[nodiscard]] static result<cache_table> prepare(sqlite::connection& db);

  /// Within the open transaction. Keeps at most `most` entries.
  [[nodiscard]] result<void> apply(const cache_change& x, timestamp now, std::size_t most = max_cache_entries);
  /// What was counted is not so any more: the transaction was rolled back.
  void forget() noexcept { count_.reset(); }

private:
  explicit cache_table(sqlite::connection& db) noexcept : db_(&db) {}
  [[nodiscard]] result<void> prune(std::size_t most);

  sqlite::connection* db_;
  sqlite::statement put_, use_, remove_, note_, prune_;
  std::optional<std::int64_t> count_; ///< At most so many entries are there; unset: not counted.
};

} // namespace muster::store
