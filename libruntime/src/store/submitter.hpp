#pragma once

#include "muster/base/result.hpp"
#include "muster/store/submission.hpp"
#include "sqlite.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

/// How a submission becomes rows. Private to the store.
namespace muster::store {

/// What a workflow, or a growth of one, brings. Borrowed.
struct new_rows {
  const std::vector<new_group>& groups;
  const std::vector<new_task>& tasks;
  std::uint32_t first_group = 0;
  std::uint32_t first_task = 0;
  bool may_grow = false; ///< More is likely to follow.
};

/// Whether the submission can be stored at all: `invalid_argument` or `limit_exceeded`.
[[nodiscard]] result<void> check(const submission& x);
/// Likewise of a growth, but for what the stored workflow says.
[[nodiscard]] result<void> check(const growth& x);

/// Inserts all rows of submissions and growths; the transaction must be open.
class submitter {
public:
  [[nodiscard]] static result<submitter> prepare(sqlite::connection& db);

  /// `seq` is the number of its event, which the caller inserts. `x` must have passed `check`.
  [[nodiscard]] result<submitted_workflow> insert(const submission& x, sequence seq);

  /// Inserts the rows of a growth; its workflow's counts are the caller's. `x` must have passed `check`.
  [[nodiscard]] result<void> insert(const growth& x);

  /// After a rollback: what was inserted is not there any more.
  void forget() noexcept { known_texts_.clear(); }

private:
  explicit submitter(sqlite::connection& db) noexcept : db_(&db) {}

  [[nodiscard]] result<std::int64_t> next_number(const std::string& name);
  [[nodiscard]] bool insert_workflow(const submission& x, std::int64_t number, sequence seq);
  [[nodiscard]] bool insert_labels(const submission& x, std::int64_t key);
  [[nodiscard]] bool insert_spec(const submission& x, std::int64_t key);
  [[nodiscard]] bool insert_flow(const submission& x, std::int64_t key);
  [[nodiscard]] bool insert_rows(const new_rows& x, std::int64_t key, std::int64_t first_text);
  [[nodiscard]] bool insert_groups(const new_rows& x, std::int64_t key);
  [[nodiscard]] bool insert_tasks(const new_rows& x, std::int64_t key, std::int64_t first_text);
  [[nodiscard]] result<std::int64_t> first_free_text(std::int64_t key);

  /// Some texts that workflows which grow have stored, with their numbers: chunks often bring the same ones. Bounded.
  struct text_memory {
    std::unordered_map<std::string, std::int64_t> numbers;
    std::size_t bytes = 0;
  };
  void remember(std::int64_t key, const std::vector<std::string_view>& texts, std::int64_t first_number);

  sqlite::connection* db_;
  sqlite::statement name_, workflow_, label_, spec_, flow_, group_, upstream_, task_, text_, last_text_;
  std::unordered_map<std::int64_t, text_memory> known_texts_; ///< By workflow.
};

} // namespace muster::store
