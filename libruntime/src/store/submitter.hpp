#pragma once

#include "muster/base/result.hpp"
#include "muster/store/submission.hpp"
#include "sqlite.hpp"

/// How a submission becomes rows. Private to the store.
namespace muster::store {

/// Whether the submission can be stored at all: `invalid_argument` or `limit_exceeded`.
[[nodiscard]] result<void> check(const submission& x);

/// Inserts all rows of a submission; the transaction must be open.
class submitter {
public:
  [[nodiscard]] static result<submitter> prepare(sqlite::connection& db);

  /// `seq` is the number of its event, which the caller inserts. `x` must have passed `check`.
  [[nodiscard]] result<submitted_workflow> insert(const submission& x, sequence seq);

private:
  explicit submitter(sqlite::connection& db) noexcept : db_(&db) {}

  [[nodiscard]] result<std::int64_t> next_number(const std::string& name);
  [[nodiscard]] bool insert_workflow(const submission& x, std::int64_t number, sequence seq);
  [[nodiscard]] bool insert_spec(const submission& x, std::int64_t key);
  [[nodiscard]] bool insert_groups(const submission& x, std::int64_t key);
  [[nodiscard]] bool insert_tasks(const submission& x, std::int64_t key);

  sqlite::connection* db_;
  sqlite::statement name_, workflow_, spec_, group_, upstream_, task_, text_;
};

} // namespace muster::store
