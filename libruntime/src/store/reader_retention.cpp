#include "muster/store/reader.hpp"

#include "projection.hpp"
#include "reader_impl.hpp"
#include "schema.hpp"

namespace muster::store {

namespace {

finished_workflow finished_at(const sqlite::statement& q) {
  finished_workflow x;
  x.key.value = q.integer(0);
  x.id = std::string{q.text(1)} + '-' + std::to_string(q.integer(2));
  x.ended = from_micros(q.integer(3));
  x.bytes = q.integer(4);
  return x;
}

result<std::vector<finished_workflow>> list(sqlite::statement& q, std::size_t limit, const sqlite::connection& db) {
  const sqlite::statement_scope scope{q};
  q.bind(1, static_cast<std::int64_t>(limit));
  std::vector<finished_workflow> out;
  int code = SQLITE_DONE;
  while ((code = q.step()) == SQLITE_ROW)
    out.push_back(finished_at(q));
  if (code != SQLITE_DONE)
    return db.failed("listing finished workflows");
  return out;
}

} // namespace

result<std::vector<finished_workflow>> reader::finished(std::size_t limit) {
  auto prepared = impl_->statement("SELECT key, name, number, ended, bytes FROM workflow INDEXED BY workflow_by_end "
                                   "WHERE ended IS NOT NULL ORDER BY ended LIMIT ?");
  if (!prepared)
    return prepared.failure();
  return list(**prepared, limit, impl_->db());
}

result<std::vector<finished_workflow>> reader::unmeasured(std::size_t limit) {
  auto prepared =
      impl_->statement("SELECT key, name, number, ended, bytes FROM workflow INDEXED BY workflow_unmeasured "
                       "WHERE ended IS NOT NULL AND bytes IS NULL ORDER BY key LIMIT ?");
  if (!prepared)
    return prepared.failure();
  return list(**prepared, limit, impl_->db());
}

result<finished_totals> reader::totals() {
  auto prepared = impl_->statement("SELECT count(*), ifnull(sum(bytes), 0) FROM workflow INDEXED BY workflow_by_end "
                                   "WHERE ended IS NOT NULL");
  if (!prepared)
    return prepared.failure();
  auto& q = **prepared;
  const sqlite::statement_scope scope{q};
  if (q.step() != SQLITE_ROW)
    return impl_->failed("counting finished workflows");
  return finished_totals{static_cast<std::uint64_t>(q.integer(0)), q.integer(1)};
}

result<std::vector<workflow_name>> reader::unfinished() {
  auto prepared = impl_->statement("SELECT key, name || '-' || number FROM workflow INDEXED BY workflow_unfinished "
                                   "WHERE ended IS NULL ORDER BY key");
  if (!prepared)
    return prepared.failure();
  auto& q = **prepared;
  const sqlite::statement_scope scope{q};
  std::vector<workflow_name> out;
  int code = q.step();
  for (; code == SQLITE_ROW; code = q.step())
    out.push_back({{q.integer(0)}, std::string{q.text(1)}});
  if (code != SQLITE_DONE)
    return impl_->failed("reading unfinished workflows");
  return out;
}

result<std::vector<std::string>> reader::nodes_in_use() {
  auto prepared = impl_->statement("SELECT DISTINCT task.node FROM workflow INDEXED BY workflow_unfinished "
                                   "JOIN task ON task.id >= workflow.key << ?3 AND task.id < (workflow.key + 1) << ?3 "
                                   "WHERE workflow.ended IS NULL AND task.status IN (?1, ?2) AND task.node <> ''");
  if (!prepared)
    return prepared.failure();
  auto& q = **prepared;
  const sqlite::statement_scope scope{q};
  q.bind(1, static_cast<std::int64_t>(status::initializing));
  q.bind(2, static_cast<std::int64_t>(status::running));
  q.bind(3, static_cast<std::int64_t>(index_bits));
  std::vector<std::string> out;
  int code = q.step();
  for (; code == SQLITE_ROW; code = q.step())
    out.emplace_back(q.text(0));
  if (code != SQLITE_DONE)
    return impl_->failed("reading the nodes of unfinished workflows");
  return out;
}

result<bool> reader::has_workflow(std::string_view id) {
  const auto dash = id.rfind('-');
  if (dash == std::string_view::npos)
    return false;
  auto prepared = impl_->statement("SELECT 1 FROM workflow WHERE name = ?1 AND number = CAST(?2 AS INTEGER) AND "
                                   "CAST(number AS TEXT) = CAST(?2 AS TEXT)");
  if (!prepared)
    return prepared.failure();
  auto& q = **prepared;
  const sqlite::statement_scope scope{q};
  q.bind(1, id.substr(0, dash));
  q.bind(2, id.substr(dash + 1));
  const int code = q.step();
  if (code != SQLITE_ROW && code != SQLITE_DONE)
    return impl_->failed("looking for a workflow");
  return code == SQLITE_ROW;
}

} // namespace muster::store
