#include "cache_table.hpp"

#include "projection.hpp"
#include "reader_impl.hpp"
#include "schema.hpp"

#include <utility>

namespace muster::store {

namespace {

constexpr const char* columns = "SELECT key, step, workflow, task, attempt, has_output, made_of, used FROM cache ";

cache_entry entry_of(const sqlite::statement& q) {
  cache_entry x;
  x.key = q.text(0);
  x.step = q.text(1);
  x.workflow.value = q.integer(2);
  x.task.value = static_cast<std::uint32_t>(q.integer(3));
  x.attempt = static_cast<std::uint32_t>(q.integer(4));
  x.has_output = q.integer(5) != 0;
  x.made_of = q.text(6);
  x.used = from_micros(q.integer(7));
  return x;
}

} // namespace

result<cache_table> cache_table::prepare(sqlite::connection& db) {
  cache_table x{db};
  const std::pair<sqlite::statement*, const char*> all[] = {
      {&x.put_, "INSERT OR REPLACE INTO cache(key, step, workflow, task, attempt, has_output, made_of, used) "
                "VALUES(?,?,?,?,?,?,?,?)"},
      {&x.use_, "UPDATE cache SET used=?2 WHERE key=?1"},
      {&x.remove_, "DELETE FROM cache WHERE key=?"},
      {&x.note_, "INSERT OR REPLACE INTO cache_note(id, key, text) VALUES(?,?,?)"},
      {&x.prune_, "DELETE FROM cache WHERE key IN (SELECT key FROM cache ORDER BY used, key LIMIT ?)"}};
  for (const auto& [into, sql] : all) {
    auto made = db.prepare(sql);
    if (!made)
      return made.failure();
    *into = std::move(*made);
  }
  return x;
}

result<void> cache_table::apply(const cache_change& x, timestamp now, std::size_t most) {
  for (const auto& entry : x.put) {
    put_.bind(1, entry.key);
    put_.bind(2, entry.step);
    put_.bind(3, entry.workflow.value);
    put_.bind(4, static_cast<std::int64_t>(entry.task.value));
    put_.bind(5, static_cast<std::int64_t>(entry.attempt));
    put_.bind(6, static_cast<std::int64_t>(entry.has_output ? 1 : 0));
    put_.bind(7, entry.made_of);
    put_.bind(8, to_micros(entry.used == timestamp{} ? now : entry.used));
    if (put_.run() != SQLITE_DONE)
      return db_->failed("storing what may serve again");
  }
  for (const auto& key : x.used) {
    use_.bind(1, key);
    use_.bind(2, to_micros(now));
    if (use_.run() != SQLITE_DONE)
      return db_->failed("noting that something served again");
  }
  for (const auto& key : x.gone) {
    remove_.bind(1, key);
    if (remove_.run() != SQLITE_DONE)
      return db_->failed("removing what serves no more");
  }
  for (const auto& note : x.notes) {
    note_.bind(1, row_id(note.workflow.value, note.task.value));
    note_.bind(2, note.key);
    note_.bind(3, note.text);
    if (note_.run() != SQLITE_DONE)
      return db_->failed("storing what the cache says");
  }
  if (x.put.empty())
    return {};
  if (count_)
    *count_ += static_cast<std::int64_t>(x.put.size());
  return prune(most);
}

result<void> cache_table::prune(std::size_t most) {
  if (count_ && *count_ <= static_cast<std::int64_t>(most))
    return {};
  const auto counted = db_->number("SELECT count(*) FROM cache", "counting what may serve again");
  if (!counted)
    return counted.failure();
  count_ = *counted;
  if (*count_ <= static_cast<std::int64_t>(most))
    return {};
  // Some more than needed, so that not every entry from then on counts again.
  const auto keep = static_cast<std::int64_t>(most - most / 16);
  prune_.bind(1, *count_ - keep);
  if (prune_.run() != SQLITE_DONE)
    return db_->failed("removing what was not used for long");
  count_ = keep;
  return {};
}

result<std::optional<cache_entry>> reader::cached(std::string_view key) {
  auto prepared = impl_->statement(std::string{columns} + "WHERE key=?");
  if (!prepared)
    return prepared.failure();
  auto& q = **prepared;
  const sqlite::statement_scope scope{q};
  q.bind(1, key);
  const int code = q.step();
  if (code == SQLITE_ROW)
    return std::optional{entry_of(q)};
  if (code != SQLITE_DONE)
    return impl_->failed("reading what may serve again");
  return std::optional<cache_entry>{};
}

result<std::vector<cache_entry>> reader::cached_of_step(std::string_view step, std::size_t limit) {
  auto prepared = impl_->statement(std::string{columns} + "WHERE step=? ORDER BY used DESC, key LIMIT ?");
  if (!prepared)
    return prepared.failure();
  auto& q = **prepared;
  const sqlite::statement_scope scope{q};
  q.bind(1, step);
  q.bind(2, static_cast<std::int64_t>(limit));
  std::vector<cache_entry> out;
  int code = SQLITE_DONE;
  while ((code = q.step()) == SQLITE_ROW)
    out.push_back(entry_of(q));
  if (code != SQLITE_DONE)
    return impl_->failed("reading what may serve again");
  return out;
}

result<std::optional<cache_note>> reader::note_of_cache(workflow_key workflow, task_index task) {
  auto prepared = impl_->statement("SELECT key, text FROM cache_note WHERE id=?");
  if (!prepared)
    return prepared.failure();
  auto& q = **prepared;
  const sqlite::statement_scope scope{q};
  if (task.value >= max_rows)
    return std::optional<cache_note>{};
  q.bind(1, row_id(workflow.value, task.value));
  const int code = q.step();
  if (code == SQLITE_ROW)
    return std::optional{cache_note{workflow, task, std::string{q.text(0)}, std::string{q.text(1)}}};
  if (code != SQLITE_DONE)
    return impl_->failed("reading what the cache said");
  return std::optional<cache_note>{};
}

} // namespace muster::store
