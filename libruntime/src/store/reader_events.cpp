#include "muster/store/reader.hpp"

#include "projection.hpp"
#include "reader_impl.hpp"
#include "schema.hpp"

#include <algorithm>
#include <limits>

namespace muster::store {

namespace {

constexpr const char* event_columns =
    "SELECT e.seq, e.time, e.type, e.workflow, e.position_of_group, e.task, e.attempt, e.status, e.exit_code, e.lease, "
    "e.text, e.node, e.address, e.gpus, w.name, w.number, g.name, t.name, ifnull(w.user, r.user), r.id FROM event e "
    "LEFT JOIN workflow w ON w.key = e.workflow "
    "LEFT JOIN removed_workflow r ON w.key IS NULL AND r.workflow = e.workflow "
    "LEFT JOIN task_group g ON g.id = (e.workflow << 24) + e.position_of_group "
    "LEFT JOIN task t ON t.id = (e.workflow << 24) + e.task WHERE e.seq > ?1 AND e.seq <= ?2";

named_event event_at(const sqlite::statement& q) {
  named_event out;
  auto& x = out.fact;
  x.seq.value = static_cast<std::uint64_t>(q.integer(0));
  x.time = from_micros(q.integer(1));
  x.type = static_cast<event_type>(q.integer(2));
  x.workflow.value = q.integer(3);
  x.group.value = static_cast<std::uint32_t>(q.integer(4));
  x.task.value = static_cast<std::uint32_t>(q.integer(5));
  x.attempt = static_cast<std::uint32_t>(q.integer(6));
  x.status = static_cast<status>(q.integer(7));
  x.exit_code = q.null(8) ? no_exit_code : static_cast<std::int32_t>(q.integer(8));
  x.lease.value = static_cast<std::uint64_t>(q.integer(9));
  x.text = q.text(10);
  x.node = q.text(11);
  x.address = q.text(12);
  x.gpus = q.text(13);
  if (!q.null(14))
    out.workflow = std::string{q.text(14)} + '-' + std::to_string(q.integer(15));
  else
    out.workflow = q.text(19);
  out.group = q.text(16);
  out.task = q.text(17);
  out.user = q.text(18);
  return out;
}

bool wanted(const event_query& query, const sqlite::statement& q) {
  return query.types.empty() ||
         std::find(query.types.begin(), query.types.end(), static_cast<event_type>(q.integer(2))) != query.types.end();
}

/// Rows that one page looks at: what is rare in a long log must not hold a reader, and its snapshot, for long.
constexpr std::uint64_t most_looked_at = 20'000;

/// Whether some of the rows may not be wanted.
bool is_filtered(const event_query& query) {
  return query.workflow || !query.types.empty();
}

/// The statement for the filters that are set; eight forms at most.
std::string sql_of(const event_query& query) {
  std::string sql = event_columns;
  if (query.workflow)
    sql += " AND e.workflow = ?3";
  if (query.workflow && query.group)
    sql += " AND e.position_of_group = ?4";
  if (query.workflow && query.task)
    sql += " AND e.task = ?5";
  return sql + " ORDER BY e.seq";
}

} // namespace

result<event_page> reader::events(const event_query& query) {
  if (impl_->db().in_transaction())
    return page_of(query);
  // What is compacted between two looks would be missing unseen.
  const auto one_view = freeze();
  if (!one_view)
    return one_view.failure();
  return page_of(query);
}

result<event_page> reader::page_of(const event_query& query) {
  auto first = earliest();
  if (!first)
    return first.failure();
  if (query.after.value + 1 < first->value && query.after.value != 0)
    return error{ec::not_found, "events before " + std::to_string(first->value) +
                                    " were removed: the log begins there; ask for events after " +
                                    std::to_string(first->value - 1)};
  auto last = latest();
  if (!last)
    return last.failure();
  auto bounds = span_of(query, *last);
  if (!bounds)
    return bounds.failure();
  event_page out;
  out.next_after.value = std::max(query.after.value, last->value);
  out.at_end = true;
  if (bounds->first >= bounds->second)
    return out;
  if (is_filtered(query) && bounds->second - bounds->first > most_looked_at) {
    bounds->second = bounds->first + most_looked_at;
    out.next_after.value = bounds->second;
    out.at_end = false;
  }
  auto prepared = impl_->statement(sql_of(query));
  if (!prepared)
    return prepared.failure();
  auto& q = **prepared;
  const sqlite::statement_scope scope{q};
  q.bind(1, static_cast<std::int64_t>(bounds->first));
  q.bind(2, static_cast<std::int64_t>(bounds->second));
  if (query.workflow) {
    q.bind(3, query.workflow->value);
    if (query.group)
      q.bind(4, static_cast<std::int64_t>(query.group->value));
    if (query.task)
      q.bind(5, static_cast<std::int64_t>(query.task->value));
  }
  int code = SQLITE_DONE;
  while ((code = q.step()) == SQLITE_ROW) {
    if (!wanted(query, q))
      continue;
    if (out.events.size() == query.limit) {
      out.at_end = false;
      out.next_after = out.events.empty() ? query.after : out.events.back().fact.seq;
      return out;
    }
    out.events.push_back(event_at(q));
  }
  if (code != SQLITE_DONE)
    return impl_->failed("reading events");
  return out;
}

/// The part of the log that can hold what is asked for: after `first`, up to `second`. All events of a workflow lie
/// between its submission and, once it is finished, its `last_seq`.
result<std::pair<std::uint64_t, std::uint64_t>> reader::span_of(const event_query& query, sequence last) {
  std::pair<std::uint64_t, std::uint64_t> span{query.after.value, last.value};
  if (!query.workflow)
    return span;
  auto prepared = impl_->statement("SELECT first_seq, last_seq FROM workflow WHERE key = ?1 UNION ALL "
                                   "SELECT first_seq, last_seq FROM removed_workflow WHERE workflow = ?1");
  if (!prepared)
    return prepared.failure();
  auto& q = **prepared;
  const sqlite::statement_scope scope{q};
  q.bind(1, query.workflow->value);
  const int code = q.step();
  if (code == SQLITE_DONE)
    return error{ec::not_found, "there is no workflow " + std::to_string(query.workflow->value)};
  if (code != SQLITE_ROW)
    return impl_->failed("reading a workflow");
  span.first = std::max(span.first, static_cast<std::uint64_t>(q.integer(0)) - 1);
  if (!q.null(1))
    span.second = std::min(span.second, static_cast<std::uint64_t>(q.integer(1)));
  return span;
}

result<sequence> reader::last_before(timestamp time) {
  auto low = earliest();
  auto high = latest();
  if (!low || !high)
    return low ? high.failure() : low.failure();
  auto prepared = impl_->statement("SELECT time FROM event WHERE seq = ?");
  if (!prepared)
    return prepared.failure();
  auto& q = **prepared;
  // Events are about in the order of their times: the search ends near the place, and that is near enough.
  auto first = low->value;
  auto end = high->value + 1;
  while (first < end) {
    const auto middle = first + (end - first) / 2;
    const sqlite::statement_scope scope{q};
    q.bind(1, static_cast<std::int64_t>(middle));
    const int code = q.step();
    if (code != SQLITE_ROW && code != SQLITE_DONE)
      return impl_->failed("looking for an event by its time");
    if (code == SQLITE_DONE || q.integer(0) < to_micros(time)) // It may have been removed meanwhile.
      first = middle + 1;
    else
      end = middle;
  }
  return sequence{first - 1};
}

result<sequence> reader::latest() {
  auto prepared =
      impl_->statement("SELECT max(ifnull((SELECT max(seq) FROM event), 0), (SELECT value - 1 FROM counter WHERE "
                       "name='earliest_sequence'))");
  if (!prepared)
    return prepared.failure();
  auto& q = **prepared;
  const sqlite::statement_scope scope{q};
  if (q.step() != SQLITE_ROW)
    return impl_->failed("reading the last event");
  return sequence{static_cast<std::uint64_t>(q.integer(0))};
}

result<sequence> reader::earliest() {
  auto prepared = impl_->statement("SELECT value FROM counter WHERE name='earliest_sequence'");
  if (!prepared)
    return prepared.failure();
  auto& q = **prepared;
  const sqlite::statement_scope scope{q};
  if (q.step() != SQLITE_ROW)
    return impl_->failed("reading the first event");
  return sequence{static_cast<std::uint64_t>(q.integer(0))};
}

} // namespace muster::store
