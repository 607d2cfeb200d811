#include "muster/store/reader.hpp"

#include "projection.hpp"
#include "reader_impl.hpp"

#include <limits>

namespace muster::store {

std::string_view to_string(role x) noexcept {
  switch (x) {
    case role::viewer: return "viewer";
    case role::user: return "user";
    case role::admin: return "admin";
    case role::node: return "node";
    case role::unspecified: break;
  }
  return "unspecified";
}

role role_from(std::string_view text) noexcept {
  for (const auto x : {role::viewer, role::user, role::admin, role::node})
    if (text == to_string(x))
      return x;
  return role::unspecified;
}

namespace {

constexpr const char* token_columns = "SELECT number, id, name, user, role, created, expires, last_used, revoked, node "
                                      "FROM token ";
constexpr const char* audit_columns = "SELECT number, time, user, token, peer, action, target, request, detail, ended, "
                                      "outcome FROM audit ";
constexpr const char* webhook_columns = "SELECT number, id, user, sees_all, url, filter, created, state, reason, "
                                        "cursor, failures, next, last, last_outcome, token FROM webhook ";
constexpr const char* letter_columns = "SELECT number, webhook, message, first, last, time, attempts, problem, body "
                                       "FROM dead_letter ";

sequence sequence_at(const sqlite::statement& q, int column) {
  return {static_cast<std::uint64_t>(q.integer(column))};
}

std::string text_at(const sqlite::statement& q) {
  return std::string{q.text(0)};
}

token_record token_at(const sqlite::statement& q) {
  token_record x;
  x.number = q.integer(0);
  x.id = q.text(1);
  x.name = q.text(2);
  x.user = q.text(3);
  x.role = static_cast<role>(q.integer(4));
  x.created = from_micros(q.integer(5));
  x.expires = time_at(q, 6);
  x.last_used = time_at(q, 7);
  x.revoked = time_at(q, 8);
  x.node = q.text(9);
  return x;
}

audit_record audit_at(const sqlite::statement& q) {
  audit_record x;
  x.number = q.integer(0);
  x.time = from_micros(q.integer(1));
  x.user = q.text(2);
  x.token = q.text(3);
  x.peer = q.text(4);
  x.action = q.text(5);
  x.target = q.text(6);
  x.request = q.text(7);
  x.detail = q.text(8);
  x.ended = time_at(q, 9);
  x.outcome = q.text(10);
  return x;
}

webhook_record webhook_at(const sqlite::statement& q) {
  webhook_record x;
  x.number = q.integer(0);
  x.id = q.text(1);
  x.user = q.text(2);
  x.sees_all = q.integer(3) != 0;
  x.url = q.text(4);
  x.filter = q.text(5);
  x.created = from_micros(q.integer(6));
  x.state = static_cast<webhook_state>(q.integer(7));
  x.reason = q.text(8);
  x.cursor = sequence_at(q, 9);
  x.failures = static_cast<std::uint32_t>(q.integer(10));
  x.next = time_at(q, 11);
  x.last = time_at(q, 12);
  x.last_outcome = q.text(13);
  x.token = q.text(14);
  return x;
}

dead_letter letter_at(const sqlite::statement& q) {
  dead_letter x;
  x.number = q.integer(0);
  x.webhook = q.text(1);
  x.message = q.text(2);
  x.first = sequence_at(q, 3);
  x.last = sequence_at(q, 4);
  x.time = from_micros(q.integer(5));
  x.attempts = static_cast<std::uint32_t>(q.integer(6));
  x.problem = q.text(7);
  x.body = q.text(8);
  return x;
}

std::int64_t from_top(std::int64_t before) {
  return before == 0 ? std::numeric_limits<std::int64_t>::max() : before;
}

/// The rows that a statement gives, at most `limit`.
template <class Row>
result<std::vector<Row>> rows_of(sqlite::statement& q, Row (*read)(const sqlite::statement&), std::size_t limit,
                                 const sqlite::connection& db, const char* what) {
  std::vector<Row> out;
  int code = SQLITE_ROW;
  while (out.size() < limit && (code = q.step()) == SQLITE_ROW)
    out.push_back(read(q));
  if (code != SQLITE_ROW && code != SQLITE_DONE)
    return db.failed(what);
  return out;
}

/// The row that has this text where `sql` looks for one, if there is any.
template <class Impl, class Row>
result<std::optional<Row>> row_with(Impl& from, const std::string& sql, std::string_view text,
                                    Row (*read)(const sqlite::statement&), const char* what) {
  auto prepared = from.statement(sql);
  if (!prepared)
    return prepared.failure();
  auto& q = **prepared;
  const sqlite::statement_scope scope{q};
  q.bind(1, text);
  auto found = rows_of(q, read, 1, from.db(), what);
  if (!found)
    return found.failure();
  return found->empty() ? std::nullopt : std::optional{std::move(found->front())};
}

/// The same where there has to be one.
template <class Row>
result<Row> row_of(result<std::optional<Row>> found, const char* kind, std::string_view id) {
  if (!found)
    return found.failure();
  if (!*found)
    return error{ec::not_found, "there is no " + std::string{kind} + " " + std::string{id}};
  return std::move(**found);
}

} // namespace

result<std::string> reader::log_id() {
  auto prepared = impl_->statement("SELECT value FROM setting WHERE name='log_id'");
  if (!prepared)
    return prepared.failure();
  auto& q = **prepared;
  const sqlite::statement_scope scope{q};
  if (q.step() != SQLITE_ROW)
    return impl_->failed("reading the identity of the log");
  return std::string{q.text(0)};
}

result<std::optional<token_record>> reader::token_of(std::string_view hash) {
  return row_with(*impl_, std::string{token_columns} + "WHERE hash = ?", hash, token_at, "looking for a token");
}

result<token_record> reader::token(std::string_view id) {
  return row_of(row_with(*impl_, std::string{token_columns} + "WHERE id = ?", id, token_at, "reading a token"), "token",
                id);
}

result<std::vector<token_record>> reader::tokens(const token_query& query) {
  auto prepared = impl_->statement(std::string{token_columns} + "WHERE number < ?1" +
                                   (query.user ? " AND user = ?2" : "") + " ORDER BY number DESC");
  if (!prepared)
    return prepared.failure();
  auto& q = **prepared;
  const sqlite::statement_scope scope{q};
  q.bind(1, from_top(query.before));
  if (query.user)
    q.bind(2, *query.user);
  return rows_of(q, token_at, query.limit, impl_->db(), "listing tokens");
}

result<std::vector<audit_record>> reader::audit(const audit_query& query) {
  std::string sql = audit_columns;
  if (query.user)
    sql += "INDEXED BY audit_user ";
  else if (!query.action.empty())
    sql += "INDEXED BY audit_action ";
  sql += "WHERE number < ?1";
  if (query.user)
    sql += " AND user = ?2";
  if (!query.action.empty())
    sql += " AND action = ?3";
  auto prepared = impl_->statement(sql + " ORDER BY number DESC");
  if (!prepared)
    return prepared.failure();
  auto& q = **prepared;
  const sqlite::statement_scope scope{q};
  q.bind(1, from_top(query.before));
  if (query.user)
    q.bind(2, *query.user);
  if (!query.action.empty())
    q.bind(3, query.action);
  return rows_of(q, audit_at, query.limit, impl_->db(), "reading the audit log");
}

result<std::optional<idempotency_record>> reader::idempotent(std::string_view user, std::string_view key) {
  auto prepared = impl_->statement("SELECT digest, answer, workflow, id, created FROM idempotency "
                                   "WHERE user = ? AND key = ?");
  if (!prepared)
    return prepared.failure();
  auto& q = **prepared;
  const sqlite::statement_scope scope{q};
  q.bind(1, user);
  q.bind(2, key);
  const int code = q.step();
  if (code == SQLITE_DONE)
    return std::optional<idempotency_record>{};
  if (code != SQLITE_ROW)
    return impl_->failed("looking for the key of a submission");
  return std::optional{
      idempotency_record{{std::string{user}, std::string{key}, std::string{q.text(0)}, std::string{q.text(1)}},
                         {q.integer(2)},
                         std::string{q.text(3)},
                         from_micros(q.integer(4))}};
}

result<webhook_record> reader::webhook(std::string_view id) {
  return row_of(row_with(*impl_, std::string{webhook_columns} + "WHERE id = ?", id, webhook_at, "reading a webhook"),
                "webhook", id);
}

result<std::vector<webhook_record>> reader::webhooks(std::int64_t after, std::size_t limit,
                                                     const std::optional<std::string>& user) {
  auto prepared = impl_->statement(std::string{webhook_columns} + "WHERE number > ?1" + (user ? " AND user = ?2" : "") +
                                   " ORDER BY number");
  if (!prepared)
    return prepared.failure();
  auto& q = **prepared;
  const sqlite::statement_scope scope{q};
  q.bind(1, after);
  if (user)
    q.bind(2, *user);
  return rows_of(q, webhook_at, limit, impl_->db(), "listing webhooks");
}

result<std::string> reader::webhook_secret(std::string_view id) {
  return row_of(row_with(*impl_, "SELECT secret FROM webhook_secret WHERE webhook = ?", id, text_at,
                         "reading what a webhook is signed with"),
                "webhook", id);
}

result<std::vector<dead_letter>> reader::dead_letters(std::string_view webhook, std::int64_t before,
                                                      std::size_t limit) {
  auto prepared = impl_->statement(std::string{letter_columns} + "WHERE webhook = ?1 AND number < ?2 "
                                                                 "ORDER BY number DESC");
  if (!prepared)
    return prepared.failure();
  auto& q = **prepared;
  const sqlite::statement_scope scope{q};
  q.bind(1, webhook);
  q.bind(2, from_top(before));
  return rows_of(q, letter_at, limit, impl_->db(), "listing dead letters");
}

} // namespace muster::store
