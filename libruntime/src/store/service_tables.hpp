#pragma once

#include "muster/store/service.hpp"
#include "muster/store/submission.hpp"
#include "sqlite.hpp"

#include <optional>

namespace muster::store {

/// Writes what a head keeps beside workflows. `db` must outlive it.
class service_tables {
public:
  [[nodiscard]] static result<service_tables> prepare(sqlite::connection& db);

  /// Within the open transaction. The number of the row that was made, or how many rows were changed. A refusal
  /// (`not_found`, `conflict`, `invalid_argument`) changes nothing.
  [[nodiscard]] result<std::int64_t> apply(const service_change& x);

  /// What was accepted under this key at most `idempotency_span` before `now`.
  [[nodiscard]] result<std::optional<idempotency_record>> find(const idempotency_key& x, timestamp now);

  /// Remembers what was accepted under it.
  [[nodiscard]] result<void> keep(const idempotency_key& x, const submitted_workflow& made);

private:
  struct apply_one;
  explicit service_tables(sqlite::connection& db) noexcept : db_(&db) {}

  /// Runs it; the number of rows changed.
  [[nodiscard]] result<std::int64_t> run(sqlite::statement& x, const char* what);
  /// Likewise for an INSERT; the row's number. `conflict` if it breaks a rule of uniqueness.
  [[nodiscard]] result<std::int64_t> insert(sqlite::statement& x, const char* what, const std::string& id);

  sqlite::connection* db_;
  sqlite::statement token_, revoke_, use_, audit_, audit_end_, audit_abandon_, audit_expire_;
  sqlite::statement once_, find_once_, once_expire_;
  sqlite::statement webhook_, secret_, webhook_delete_, secret_delete_, letters_delete_, progress_, letter_,
      letters_cut_;
  sqlite::statement measured_, given_, stopping_;
  sqlite::statement node_, node_seen_, node_assign_, node_remove_;
  sqlite::statement pool_, pool_remove_, policy_, policy_remove_;
};

} // namespace muster::store
