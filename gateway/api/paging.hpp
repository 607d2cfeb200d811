#pragma once

#include "gateway/api/query.hpp"
#include "muster/base/result.hpp"
#include "muster/state/status.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace muster::gateway {

/// What a list of rows of one workflow is asked for: `status`, `limit`, `cursor`, of tasks also `failed`.
struct row_query {
  std::vector<status> statuses; ///< Any of these; empty for any.
  bool failed = false;          ///< Only what failed by itself, not by what was before it.
  std::size_t limit = 0;
  std::uint32_t first = 0; ///< Position of the first row to look at.
  std::string list;        ///< What its cursors are bound to.

  [[nodiscard]] bool takes_all() const { return statuses.empty() && !failed; }
  [[nodiscard]] bool takes(status x) const {
    return (statuses.empty() || std::find(statuses.begin(), statuses.end(), x) != statuses.end()) &&
           (!failed || (is_failed(x) && x != status::failed_upstream));
  }
};

/// Reads it; `list` says whose rows. Everything the request may ask for must have been asked by now.
[[nodiscard]] inline result<row_query> row_query_of(query_reader& from, std::string list, bool are_tasks = false) {
  row_query out;
  auto statuses = from.statuses("status");
  const auto limit = from.limit();
  if (!statuses)
    return statuses.failure();
  if (!limit)
    return limit.failure();
  const auto failed = are_tasks ? from.flag("failed") : result<bool>{false};
  if (!failed)
    return failed.failure();
  for (const auto s : *statuses)
    list += " s" + std::to_string(static_cast<unsigned>(s));
  list += *failed ? " failed" : "";
  const auto first = cursor_of(from, list);
  if (!first)
    return first.failure();
  if (auto known = from.finish(); !known)
    return known.failure();
  constexpr std::uint64_t most = std::numeric_limits<std::uint32_t>::max();
  out.statuses = std::move(*statuses);
  out.failed = *failed;
  out.limit = *limit;
  out.first = static_cast<std::uint32_t>(std::min(first->value_or(0), most));
  out.list = std::move(list);
  return out;
}

/// A page of rows; `next` is the cursor of the one behind it, if there may be one.
template <class Row>
struct row_page {
  std::vector<Row> rows;
  std::optional<std::string> next;
};

/// Reads a page. `read(first, limit)` gives rows with `index` and `status`, in order. However few rows have the status,
/// a page looks at 20,000 at most: it may be short, or empty, and still have a `next`.
template <class Row, class Read>
[[nodiscard]] result<row_page<Row>> read_page(const row_query& query, Read read) {
  constexpr std::size_t most_looked_at = 20'000;
  constexpr std::size_t piece = 1000;
  row_page<Row> out;
  auto first = query.first;
  for (std::size_t looked_at = 0; looked_at < most_looked_at;) {
    const auto wanted = query.takes_all() ? query.limit : piece;
    auto rows = read(first, wanted);
    if (!rows)
      return rows.failure();
    const bool last = rows->size() < wanted;
    for (auto& row : *rows) {
      first = row.index.value + 1;
      ++looked_at;
      if (query.takes(row.status))
        out.rows.push_back(std::move(row));
      if (out.rows.size() == query.limit) {
        out.next = make_cursor(query.list, first);
        return out;
      }
    }
    if (last)
      return out;
  }
  out.next = make_cursor(query.list, first);
  return out;
}

} // namespace muster::gateway
