#include "service_tables.hpp"

#include "labels_text.hpp"
#include "projection.hpp"
#include "schema.hpp"
#include "stop_text.hpp"

#include <utility>

namespace muster::store {

namespace {

void bind_time(sqlite::statement& to, int index, const std::optional<timestamp>& time) {
  time ? to.bind(index, to_micros(*time)) : to.bind_null(index);
}

error unknown(const char* what, const std::string& id) {
  return {ec::not_found, "there is no " + std::string{what} + ' ' + id};
}

} // namespace

result<service_tables> service_tables::prepare(sqlite::connection& db) {
  service_tables x{db};
  const std::pair<sqlite::statement*, const char*> all[] = {
      {&x.token_, "INSERT INTO token(id, name, user, role, hash, created, expires, node) VALUES(?,?,?,?,?,?,?,?)"},
      {&x.revoke_, "UPDATE token SET revoked=ifnull(revoked, ?2) WHERE id=?1"},
      {&x.use_, "UPDATE token SET last_used=max(ifnull(last_used, 0), ?2) WHERE id=?1"},
      {&x.audit_, "INSERT INTO audit(time, user, token, peer, action, target, request, detail) "
                  "VALUES(?,?,?,?,?,?,?,?)"},
      {&x.audit_end_, "UPDATE audit SET outcome=?2, ended=?3, "
                      "target=trim(target || ' ' || ?4) WHERE number=?1"},
      {&x.audit_abandon_, "UPDATE audit SET outcome='unknown', ended=?1 WHERE ended IS NULL"},
      {&x.audit_expire_, "DELETE FROM audit WHERE number IN (SELECT number FROM audit WHERE time < ?1 ORDER BY time "
                         "LIMIT ?2)"},
      {&x.once_, "INSERT OR REPLACE INTO idempotency(user, key, digest, answer, workflow, id, created) "
                 "VALUES(?,?,?,?,?,?,?)"},
      {&x.find_once_, "SELECT digest, answer, workflow, id, created FROM idempotency WHERE user=? AND key=?"},
      {&x.once_expire_, "DELETE FROM idempotency WHERE (user, key) IN (SELECT user, key FROM idempotency "
                        "WHERE created < ?1 ORDER BY created LIMIT ?2)"},
      {&x.webhook_, "INSERT INTO webhook(id, user, sees_all, url, filter, created, state, reason, cursor, token) "
                    "VALUES(?,?,?,?,?,?,?,?,?,?)"},
      {&x.secret_, "INSERT OR REPLACE INTO webhook_secret(webhook, secret) VALUES(?,?)"},
      {&x.webhook_delete_, "DELETE FROM webhook WHERE id=?"},
      {&x.secret_delete_, "DELETE FROM webhook_secret WHERE webhook=?"},
      {&x.letters_delete_, "DELETE FROM dead_letter WHERE webhook=?"},
      {&x.progress_, "UPDATE webhook SET state=?2, reason=?3, cursor=max(cursor, ?4), failures=?5, next=?6, last=?7, "
                     "last_outcome=?8 WHERE id=?1"},
      {&x.letter_, "INSERT INTO dead_letter(webhook, message, first, last, time, attempts, problem, body) "
                   "VALUES(?,?,?,?,?,?,?,?)"},
      {&x.letters_cut_, "DELETE FROM dead_letter WHERE webhook=?1 AND number <= (SELECT number FROM dead_letter "
                        "WHERE webhook=?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)"},
      {&x.measured_, "UPDATE workflow SET bytes=?2 WHERE key=?1 AND ended IS NOT NULL"},
      {&x.given_, "UPDATE workflow SET driver=?2 WHERE key=?1"},
      {&x.node_, "INSERT INTO node(name, pool, memory, since, offered, platform, labels, address, duty, reason, "
                 "first_seen, last_seen) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,1,'',?9,?9) "
                 "ON CONFLICT(name) DO UPDATE SET memory=?3, since=?4, offered=?5, platform=?6, labels=?7, address=?8, "
                 "last_seen=max(last_seen, ?9) WHERE pool=?2"},
      {&x.node_seen_, "UPDATE node SET last_seen=max(last_seen, ?2) WHERE name=?1"},
      {&x.node_assign_, "UPDATE node SET duty=?2, reason=?3, deadline=?4 WHERE name=?1"},
      {&x.node_remove_, "DELETE FROM node WHERE name=?1"},
      {&x.stopping_, "UPDATE task_group SET stopping=?2 WHERE id=?1"},
      {&x.pool_, "INSERT INTO pool(name, settings, created) VALUES(?,?,?)"},
      {&x.pool_remove_, "DELETE FROM pool WHERE name=?1"},
      {&x.policy_, "INSERT INTO pool_policy(pool, policy, changed) VALUES(?1, ?2, ?3) ON CONFLICT(pool) DO UPDATE SET "
                   "policy=excluded.policy, changed=excluded.changed"},
      {&x.policy_remove_, "DELETE FROM pool_policy WHERE pool=?1"}};
  for (const auto& [into, sql] : all) {
    auto made = db.prepare(sql);
    if (!made)
      return made.failure();
    *into = std::move(*made);
  }
  return x;
}

result<std::int64_t> service_tables::run(sqlite::statement& x, const char* what) {
  if (x.run() != SQLITE_DONE)
    return db_->failed(what);
  return std::int64_t{sqlite3_changes(db_->get())};
}

result<std::int64_t> service_tables::insert(sqlite::statement& x, const char* what, const std::string& id) {
  const int code = x.run();
  if ((code & 0xff) == SQLITE_CONSTRAINT)
    return error{ec::conflict, std::string{what} + ' ' + id + " exists already"};
  if (code != SQLITE_DONE)
    return db_->failed("storing a " + std::string{what});
  return sqlite3_last_insert_rowid(db_->get());
}

/// One kind of change a function.
struct service_tables::apply_one {
  service_tables& t;

  result<std::int64_t> operator()(const token_created& x) const {
    const auto& token = x.token;
    if (token.id.empty() || token.hash.empty() || token.role == role::unspecified)
      return error{ec::invalid_argument, "a token needs an id, a hash and a role"};
    auto& q = t.token_;
    q.bind(1, token.id);
    q.bind(2, token.name);
    q.bind(3, token.user);
    q.bind(4, static_cast<std::int64_t>(token.role));
    q.bind(5, token.hash);
    q.bind(6, to_micros(token.created));
    bind_time(q, 7, token.expires);
    q.bind(8, token.node);
    return t.insert(q, "token", token.id);
  }

  result<std::int64_t> operator()(const token_revoked& x) const {
    t.revoke_.bind(1, x.id);
    t.revoke_.bind(2, to_micros(x.time));
    auto changed = t.run(t.revoke_, "revoking a token");
    return changed && *changed == 0 ? unknown("token", x.id) : changed;
  }

  result<std::int64_t> operator()(const tokens_used& x) const {
    std::int64_t count = 0;
    for (const auto& [id, time] : x.used) {
      t.use_.bind(1, id);
      t.use_.bind(2, to_micros(time));
      auto changed = t.run(t.use_, "noting the use of a token");
      if (!changed)
        return changed;
      count += *changed;
    }
    return count;
  }

  result<std::int64_t> operator()(const audit_begun& x) const {
    auto& q = t.audit_;
    q.bind(1, to_micros(x.row.time));
    q.bind(2, x.row.user);
    q.bind(3, x.row.token);
    q.bind(4, x.row.peer);
    q.bind(5, x.row.action);
    q.bind(6, x.row.target);
    q.bind(7, x.row.request);
    q.bind(8, x.row.detail);
    return t.insert(q, "row of the audit log", x.row.request);
  }

  result<std::int64_t> operator()(const audit_ended& x) const {
    t.audit_end_.bind(1, x.number);
    t.audit_end_.bind(2, x.outcome);
    t.audit_end_.bind(3, to_micros(x.time));
    t.audit_end_.bind(4, x.target);
    auto changed = t.run(t.audit_end_, "completing the audit log");
    return changed && *changed == 0 ? unknown("row of the audit log", std::to_string(x.number)) : changed;
  }

  result<std::int64_t> operator()(const audit_abandoned& x) const {
    t.audit_abandon_.bind(1, to_micros(x.time));
    return t.run(t.audit_abandon_, "completing the audit log");
  }

  result<std::int64_t> operator()(const audit_expired& x) const {
    t.audit_expire_.bind(1, to_micros(x.before));
    t.audit_expire_.bind(2, static_cast<std::int64_t>(x.most));
    return t.run(t.audit_expire_, "shortening the audit log");
  }

  result<std::int64_t> operator()(const idempotency_expired& x) const {
    t.once_expire_.bind(1, to_micros(x.before));
    t.once_expire_.bind(2, static_cast<std::int64_t>(x.most));
    return t.run(t.once_expire_, "forgetting keys of submissions");
  }

  result<std::int64_t> operator()(const webhook_created& x) const {
    const auto& hook = x.webhook;
    if (hook.id.empty() || hook.url.empty() || x.secret.empty())
      return error{ec::invalid_argument, "a webhook needs an id, a URL and a secret"};
    auto& q = t.webhook_;
    q.bind(1, hook.id);
    q.bind(2, hook.user);
    q.bind(3, static_cast<std::int64_t>(hook.sees_all ? 1 : 0));
    q.bind(4, hook.url);
    q.bind(5, hook.filter);
    q.bind(6, to_micros(hook.created));
    q.bind(7, static_cast<std::int64_t>(hook.state));
    q.bind(8, hook.reason);
    q.bind(9, static_cast<std::int64_t>(hook.cursor.value));
    q.bind(10, hook.token);
    auto number = t.insert(q, "webhook", hook.id);
    if (!number)
      return number;
    t.secret_.bind(1, hook.id);
    t.secret_.bind(2, x.secret);
    if (auto done = t.run(t.secret_, "storing a webhook"); !done)
      return done;
    return number;
  }

  result<std::int64_t> operator()(const webhook_deleted& x) const {
    t.webhook_delete_.bind(1, x.id);
    auto changed = t.run(t.webhook_delete_, "deleting a webhook");
    if (changed && *changed == 0)
      return unknown("webhook", x.id);
    for (auto* q : {&t.secret_delete_, &t.letters_delete_}) {
      q->bind(1, x.id);
      if (auto done = t.run(*q, "deleting a webhook"); !done)
        return done;
    }
    return changed;
  }

  result<std::int64_t> operator()(const webhook_progress& x) const {
    const auto& hook = x.webhook;
    auto& q = t.progress_;
    q.bind(1, hook.id);
    q.bind(2, static_cast<std::int64_t>(hook.state));
    q.bind(3, hook.reason);
    q.bind(4, static_cast<std::int64_t>(hook.cursor.value));
    q.bind(5, static_cast<std::int64_t>(hook.failures));
    bind_time(q, 6, hook.next);
    bind_time(q, 7, hook.last);
    q.bind(8, hook.last_outcome);
    auto changed = t.run(q, "noting a delivery");
    if (changed && *changed == 0)
      return unknown("webhook", hook.id);
    return changed && x.dead ? bury(hook.id, *x.dead) : changed;
  }

  result<std::int64_t> operator()(const workflow_measured& x) const {
    t.measured_.bind(1, x.workflow.value);
    t.measured_.bind(2, x.bytes);
    return t.run(t.measured_, "noting the size of a workflow");
  }

  result<std::int64_t> operator()(const workflow_given& x) const {
    t.given_.bind(1, x.workflow.value);
    t.given_.bind(2, x.driver);
    return t.run(t.given_, "noting what runs a workflow");
  }

  result<std::int64_t> operator()(const node_joined& x) const {
    const auto& node = x.node;
    if (node.name.empty() || node.pool.empty() || node.memory.empty())
      return error{ec::invalid_argument, "a node needs a name, a pool and what it remembers by"};
    const auto labels = labels_text(node.labels);
    auto& q = t.node_;
    q.bind(1, node.name);
    q.bind(2, node.pool);
    q.bind(3, node.memory);
    q.bind(4, static_cast<std::int64_t>(node.since.value));
    q.bind(5, node.offered);
    q.bind(6, node.platform);
    q.bind(7, labels);
    q.bind(8, node.address);
    q.bind(9, to_micros(node.last_seen));
    auto changed = t.run(q, "storing a node");
    if (changed && *changed == 0)
      return error{ec::conflict,
                   "node " + node.name + " is one of another pool: remove it there first (muster node rm)"};
    return changed;
  }

  result<std::int64_t> operator()(const nodes_seen& x) const {
    std::int64_t count = 0;
    for (const auto& name : x.names) {
      t.node_seen_.bind(1, name);
      t.node_seen_.bind(2, to_micros(x.time));
      auto changed = t.run(t.node_seen_, "noting that a node is there");
      if (!changed)
        return changed;
      count += *changed;
    }
    return count;
  }

  result<std::int64_t> operator()(const node_assigned& x) const {
    auto& q = t.node_assign_;
    q.bind(1, x.name);
    q.bind(2, static_cast<std::int64_t>(x.duty));
    q.bind(3, x.reason);
    bind_time(q, 4, x.deadline);
    auto changed = t.run(q, "storing what a node is for");
    return changed && *changed == 0 ? unknown("node", x.name) : changed;
  }

  result<std::int64_t> operator()(const node_removed& x) const {
    t.node_remove_.bind(1, x.name);
    auto changed = t.run(t.node_remove_, "removing a node");
    return changed && *changed == 0 ? unknown("node", x.name) : changed;
  }

  result<std::int64_t> operator()(const group_stopping& x) const {
    auto& q = t.stopping_;
    q.bind(1, row_id(x.workflow.value, x.group.value));
    const auto text = x.what ? stop_text(*x.what) : std::string{};
    x.what ? q.bind(2, text) : q.bind_null(2);
    auto changed = t.run(q, "noting why attempts are ended");
    return changed && *changed == 0 ? unknown("group", std::to_string(x.group.value)) : changed;
  }

  result<std::int64_t> operator()(const pool_policy_set& x) const {
    if (x.set == "{}") {
      t.policy_remove_.bind(1, x.pool);
      return t.run(t.policy_remove_, "forgetting what was set of a pool's policy");
    }
    auto& q = t.policy_;
    q.bind(1, x.pool);
    q.bind(2, x.set);
    q.bind(3, to_micros(x.time));
    return t.run(q, "storing what is set of a pool's policy");
  }

  result<std::int64_t> operator()(const pool_created& x) const {
    const auto& pool = x.pool;
    if (pool.name.empty())
      return error{ec::invalid_argument, "a pool needs a name"};
    auto& q = t.pool_;
    q.bind(1, pool.name);
    q.bind(2, pool.settings);
    q.bind(3, to_micros(pool.created));
    auto number = t.insert(q, "pool", pool.name);
    if (!number)
      return number;
    if (auto done = (*this)(pool_policy_set{pool.name, x.set, pool.created}); !done)
      return done;
    return number;
  }

  result<std::int64_t> operator()(const pool_deleted& x) const {
    t.pool_remove_.bind(1, x.name);
    auto changed = t.run(t.pool_remove_, "deleting a pool");
    if (changed && *changed == 0)
      return unknown("pool", x.name);
    if (auto done = (*this)(pool_policy_set{x.name, "{}", {}}); changed && !done)
      return done;
    return changed;
  }

  // What touches events and rows of workflows is the writer's own.
  template <class Other>
  result<std::int64_t> operator()(const Other&) const {
    return error{ec::internal, "a change was passed to the wrong tables"};
  }

private:
  result<std::int64_t> bury(const std::string& webhook, const dead_letter& x) const {
    auto& q = t.letter_;
    q.bind(1, webhook);
    q.bind(2, x.message);
    q.bind(3, static_cast<std::int64_t>(x.first.value));
    q.bind(4, static_cast<std::int64_t>(x.last.value));
    q.bind(5, to_micros(x.time));
    q.bind(6, static_cast<std::int64_t>(x.attempts));
    q.bind(7, x.problem);
    q.bind(8, x.body);
    auto number = t.insert(q, "dead letter", x.message);
    if (!number)
      return number;
    t.letters_cut_.bind(1, webhook);
    t.letters_cut_.bind(2, static_cast<std::int64_t>(max_dead_letters));
    if (auto done = t.run(t.letters_cut_, "removing old dead letters"); !done)
      return done;
    return number;
  }
};

result<std::int64_t> service_tables::apply(const service_change& x) {
  return std::visit(apply_one{*this}, x);
}

result<std::optional<idempotency_record>> service_tables::find(const idempotency_key& x, timestamp now) {
  auto& q = find_once_;
  const sqlite::statement_scope scope{q};
  q.bind(1, x.user);
  q.bind(2, x.key);
  const int code = q.step();
  if (code == SQLITE_DONE)
    return std::optional<idempotency_record>{};
  if (code != SQLITE_ROW)
    return db_->failed("looking for the key of a submission");
  idempotency_record found{{x.user, x.key, std::string{q.text(0)}, std::string{q.text(1)}},
                           {q.integer(2)},
                           std::string{q.text(3)},
                           from_micros(q.integer(4))};
  if (found.created + idempotency_span <= now)
    return std::optional<idempotency_record>{};
  return std::optional{std::move(found)};
}

result<void> service_tables::keep(const idempotency_key& x, const submitted_workflow& made) {
  auto& q = once_;
  q.bind(1, x.user);
  q.bind(2, x.key);
  q.bind(3, x.digest);
  q.bind(4, x.answer);
  q.bind(5, made.key.value);
  q.bind(6, made.id);
  q.bind(7, to_micros(made.fact.time));
  if (auto done = run(q, "storing the key of a submission"); !done)
    return done.failure();
  return {};
}

} // namespace muster::store
