#include "muster/store/reader.hpp"

#include "labels_text.hpp"
#include "projection.hpp"
#include "reader_impl.hpp"
#include "workflow_row.hpp"

#include <algorithm>
#include <limits>

namespace muster::store {

namespace {

std::optional<duration> span_at(const sqlite::statement& q, int column) {
  if (q.null(column))
    return std::nullopt;
  return duration{q.integer(column)};
}

/// What a page is looked up by; other filters are checked row by row.
enum class lookup : std::uint8_t { unfinished, name, label, user_status, status, user, pool, none };

bool is_by_status(lookup by) {
  return by == lookup::status || by == lookup::user_status;
}

/// The filter that is likely to leave the fewest.
lookup choose(const workflow_query& query) {
  if (query.unfinished)
    return lookup::unfinished;
  if (!query.name.empty())
    return lookup::name;
  if (!query.labels.empty())
    return lookup::label;
  if (query.user && !query.statuses.empty())
    return lookup::user_status;
  if (query.user)
    return lookup::user;
  if (!query.statuses.empty())
    return lookup::status;
  return query.pool.empty() ? lookup::none : lookup::pool;
}

const char* table_of(lookup by) {
  switch (by) {
    case lookup::unfinished: return "workflow w INDEXED BY workflow_unfinished";
    case lookup::name: return "workflow w INDEXED BY workflow_by_name";
    case lookup::label: return "workflow_label l CROSS JOIN workflow w ON w.key = l.workflow";
    case lookup::user_status: return "workflow w INDEXED BY workflow_by_user_status";
    case lookup::status: return "workflow w INDEXED BY workflow_by_status";
    case lookup::user: return "workflow w INDEXED BY workflow_by_user";
    case lookup::pool: return "workflow w INDEXED BY workflow_by_pool";
    case lookup::none: break;
  }
  return "workflow w";
}

// Numbers of parameters; labels have three each from the last on.
constexpr int before_parameter = 1;
constexpr int name_parameter = 2;
constexpr int user_parameter = 3;
constexpr int pool_parameter = 4;
constexpr int status_parameter = 5;
constexpr int label_parameter = 6;

std::string label_condition(const char* table, std::size_t index) {
  const auto first = label_parameter + 3 * static_cast<int>(index);
  const std::string t{table};
  return t + ".name = ?" + std::to_string(first) + " AND " + t + ".has_value = ?" + std::to_string(first + 1) +
         " AND " + t + ".value = ?" + std::to_string(first + 2);
}

/// One of a bounded set of texts, of those that have at most `max_label_filters` labels.
std::string sql_of(const workflow_query& query, lookup by) {
  std::string sql = std::string{workflow_columns} + table_of(by);
  sql += by == lookup::label ? " WHERE l.workflow < ?1 AND " + label_condition("l", 0) : " WHERE w.key < ?1";
  if (!query.name.empty())
    sql += " AND w.name = ?2";
  if (query.unfinished)
    sql += " AND w.ended IS NULL";
  if (query.user)
    sql += " AND w.user = ?3";
  if (!query.pool.empty())
    sql += " AND w.pool = ?4";
  if (is_by_status(by))
    sql += " AND w.status = ?5";
  for (std::size_t i = by == lookup::label ? 1 : 0; i < query.labels.size(); ++i)
    sql += " AND EXISTS(SELECT 1 FROM workflow_label x WHERE x.workflow = w.key AND " + label_condition("x", i) + ")";
  return sql + (by == lookup::label ? " ORDER BY l.workflow DESC" : " ORDER BY w.key DESC");
}

void bind(sqlite::statement& q, const workflow_query& query) {
  q.bind(before_parameter, query.before.value == 0 ? std::numeric_limits<std::int64_t>::max() : query.before.value);
  if (!query.name.empty())
    q.bind(name_parameter, query.name);
  if (query.user)
    q.bind(user_parameter, *query.user);
  if (!query.pool.empty())
    q.bind(pool_parameter, query.pool);
  auto next = label_parameter;
  for (const auto& label : query.labels) {
    q.bind(next++, label.name);
    q.bind(next++, std::int64_t{label.value.has_value()});
    q.bind(next++, label.value ? std::string_view{*label.value} : std::string_view{});
  }
}

bool wanted(const workflow_query& query, status s) {
  return query.statuses.empty() || std::find(query.statuses.begin(), query.statuses.end(), s) != query.statuses.end();
}

} // namespace

workflow_record workflow_at(const sqlite::statement& q) {
  workflow_record x;
  x.key.value = q.integer(0);
  x.name = q.text(1);
  x.id = x.name + '-' + std::to_string(q.integer(2));
  x.status = static_cast<status>(q.integer(3));
  x.submitted = time_at(q, 4);
  x.started = time_at(q, 5);
  x.ended = time_at(q, 6);
  x.cancel_requested = time_at(q, 7);
  x.reason = q.text(8);
  x.cancel_message = q.text(9);
  x.groups = static_cast<std::uint32_t>(q.integer(10));
  x.tasks = static_cast<std::uint32_t>(q.integer(11));
  x.pool = q.text(12);
  x.profile = q.text(13);
  x.options = q.text(14);
  x.labels = labels_of(q.text(15));
  x.exec_timeout = span_at(q, 16);
  x.queue_timeout = span_at(q, 17);
  x.user = q.text(18);
  if (!q.null(19))
    x.bytes = q.integer(19);
  x.priority = static_cast<gang_priority>(q.integer(20));
  x.driver = q.text(21);
  return x;
}

result<std::vector<workflow_record>> reader::workflows(const workflow_query& query) {
  if (query.labels.size() > max_label_filters)
    return error{ec::limit_exceeded, "a list is filtered by at most " + std::to_string(max_label_filters) + " labels"};
  const auto by = choose(query);
  auto prepared = impl_->statement(sql_of(query, by));
  if (!prepared)
    return prepared.failure();
  auto& q = **prepared;
  std::vector<workflow_record> out;
  // Of several statuses each is looked up for itself; the newest of all are the page.
  auto statuses = is_by_status(by) ? query.statuses : std::vector<status>{status::unspecified};
  std::sort(statuses.begin(), statuses.end());
  statuses.erase(std::unique(statuses.begin(), statuses.end()), statuses.end());
  for (const auto one : statuses) {
    const sqlite::statement_scope scope{q};
    bind(q, query);
    if (is_by_status(by))
      q.bind(status_parameter, static_cast<std::int64_t>(one));
    const auto full = out.size() + query.limit;
    int code = SQLITE_ROW;
    while (out.size() < full && (code = q.step()) == SQLITE_ROW)
      if (wanted(query, static_cast<status>(q.integer(3))))
        out.push_back(workflow_at(q));
    if (code != SQLITE_ROW && code != SQLITE_DONE)
      return impl_->failed("listing workflows");
  }
  if (statuses.size() > 1)
    std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return b.key < a.key; });
  if (out.size() > query.limit)
    out.resize(query.limit);
  return out;
}

} // namespace muster::store
