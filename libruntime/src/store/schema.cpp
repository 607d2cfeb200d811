#include "schema.hpp"

#include <string>

namespace muster::store {

namespace {

// Times are microseconds since 1970. `processing` to `ended` are the times of stages, NULL until they come.
//
// `task` holds the latest attempt in its own row; earlier ones move to `attempt` when they are RESCHEDULED, and then
// `archived` is 1: `attempt` has the truth on the latest one too. A group of one has no state of its own: its task's is
// its. `task_text` keeps each distinct request and body of a workflow once.
constexpr const char* version_1 = R"sql(
CREATE TABLE schema_version(version INTEGER PRIMARY KEY, applied INTEGER NOT NULL);
CREATE TABLE counter(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO counter VALUES('earliest_sequence', 1);
CREATE TABLE workflow_name(name TEXT PRIMARY KEY, last INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE workflow(
  key INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, number INTEGER NOT NULL,
  status INTEGER NOT NULL, first_seq INTEGER NOT NULL, last_seq INTEGER,
  submitted INTEGER NOT NULL, started INTEGER, ended INTEGER, cancel_requested INTEGER,
  reason TEXT, cancel_message TEXT,
  groups INTEGER NOT NULL, tasks INTEGER NOT NULL,
  pool TEXT NOT NULL, profile TEXT NOT NULL, options TEXT NOT NULL, labels TEXT NOT NULL,
  exec_timeout INTEGER, queue_timeout INTEGER,
  UNIQUE(name, number));
CREATE INDEX workflow_unfinished ON workflow(key) WHERE ended IS NULL;
CREATE TABLE workflow_spec(workflow INTEGER PRIMARY KEY, text TEXT NOT NULL);
CREATE TABLE task_group(
  id INTEGER PRIMARY KEY, name TEXT NOT NULL, barrier INTEGER NOT NULL, ignore_nonlead INTEGER NOT NULL,
  first_task INTEGER NOT NULL, tasks INTEGER NOT NULL, status INTEGER NOT NULL,
  processing INTEGER, scheduling INTEGER, initializing INTEGER, running INTEGER, ended INTEGER, reason TEXT);
CREATE TABLE group_upstream(id INTEGER PRIMARY KEY, positions BLOB NOT NULL);
CREATE TABLE task(
  id INTEGER PRIMARY KEY, position_of_group INTEGER NOT NULL, lead INTEGER NOT NULL, name TEXT NOT NULL,
  request INTEGER NOT NULL, body INTEGER NOT NULL,
  status INTEGER NOT NULL, attempt INTEGER, archived INTEGER, exit_code INTEGER, lease INTEGER,
  processing INTEGER, scheduling INTEGER, initializing INTEGER, running INTEGER, ended INTEGER,
  reason TEXT, node TEXT, address TEXT);
CREATE TABLE task_text(id INTEGER PRIMARY KEY, text TEXT NOT NULL);
CREATE TABLE attempt(
  task INTEGER NOT NULL, number INTEGER NOT NULL, status INTEGER NOT NULL, exit_code INTEGER, lease INTEGER,
  processing INTEGER, scheduling INTEGER, initializing INTEGER, running INTEGER, ended INTEGER,
  reason TEXT, node TEXT, address TEXT,
  PRIMARY KEY(task, number)) WITHOUT ROWID;
CREATE TABLE event(
  seq INTEGER PRIMARY KEY, time INTEGER NOT NULL, type INTEGER NOT NULL, workflow INTEGER NOT NULL,
  position_of_group INTEGER, task INTEGER, attempt INTEGER, status INTEGER, exit_code INTEGER, lease INTEGER,
  text TEXT, node TEXT, address TEXT);
)sql";

/// GPU indices of an attempt, `0,1`: a restart must know which ones are taken.
constexpr const char* version_2 = R"sql(
ALTER TABLE task ADD COLUMN gpus TEXT;
ALTER TABLE attempt ADD COLUMN gpus TEXT;
ALTER TABLE event ADD COLUMN gpus TEXT;
)sql";

/// Workflows that grow while they run, results of tasks, and tasks that are run once more: `first_attempt` is then the
/// number of the first attempt since, where a group's times begin.
constexpr const char* version_3 = R"sql(
CREATE TABLE workflow_flow(workflow INTEGER PRIMARY KEY, text TEXT NOT NULL);
CREATE TABLE task_result(id INTEGER PRIMARY KEY, text TEXT NOT NULL);
ALTER TABLE task ADD COLUMN first_attempt INTEGER;
)sql";

/// Tasks whose results may serve for others like them, and what was said of tasks that asked.
constexpr const char* version_4 = R"sql(
CREATE TABLE cache(
  key TEXT PRIMARY KEY, step TEXT NOT NULL, workflow INTEGER NOT NULL, task INTEGER NOT NULL, attempt INTEGER NOT NULL,
  has_output INTEGER NOT NULL, made_of TEXT NOT NULL, used INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX cache_used ON cache(used);
CREATE INDEX cache_step ON cache(step, used);
CREATE TABLE cache_note(id INTEGER PRIMARY KEY, key TEXT NOT NULL, text TEXT NOT NULL);
)sql";

/// What a head keeps beside workflows, lists of workflows that stay fast, and workflows that are removed piece by
/// piece. `log_id` tells this log from every other, and from what it was before a restore. A label is two rows: one for
/// its name alone, one with its value. `removed_workflow` has the names that events of removed workflows still need;
/// its `phase` says what is removed next.
constexpr const char* version_5 = R"sql(
CREATE TABLE setting(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
WITH random(h) AS (SELECT lower(hex(randomblob(16))))
INSERT INTO setting SELECT 'log_id', substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-4' || substr(h, 14, 3) || '-' ||
  substr('89ab', 1 + instr('0123456789abcdef', substr(h, 17, 1)) % 4, 1) || substr(h, 18, 3) || '-' || substr(h, 21, 12)
  FROM random;
ALTER TABLE workflow ADD COLUMN user TEXT NOT NULL DEFAULT '';
ALTER TABLE workflow ADD COLUMN bytes INTEGER;
CREATE INDEX workflow_by_name ON workflow(name);
CREATE INDEX workflow_by_user ON workflow(user);
CREATE INDEX workflow_by_pool ON workflow(pool);
CREATE INDEX workflow_by_status ON workflow(status);
CREATE INDEX workflow_by_end ON workflow(ended, bytes) WHERE ended IS NOT NULL;
CREATE INDEX workflow_unmeasured ON workflow(key) WHERE ended IS NOT NULL AND bytes IS NULL;
CREATE TABLE workflow_label(
  name TEXT NOT NULL, has_value INTEGER NOT NULL, value TEXT NOT NULL, workflow INTEGER NOT NULL,
  PRIMARY KEY(name, has_value, value, workflow)) WITHOUT ROWID;
INSERT INTO workflow_label SELECT DISTINCT l.key, 0, '', w.key FROM workflow w, json_each(w.labels) l;
INSERT INTO workflow_label SELECT DISTINCT l.key, 1, l.value, w.key FROM workflow w, json_each(w.labels) l
  WHERE l.type = 'text';
CREATE TABLE removed_workflow(
  workflow INTEGER PRIMARY KEY, id TEXT NOT NULL, user TEXT NOT NULL, first_seq INTEGER NOT NULL,
  last_seq INTEGER NOT NULL, phase INTEGER NOT NULL);
CREATE INDEX removed_workflow_phase ON removed_workflow(phase, last_seq);
CREATE INDEX cache_workflow ON cache(workflow);
CREATE TABLE token(
  number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, user TEXT NOT NULL,
  role INTEGER NOT NULL, hash TEXT NOT NULL UNIQUE, created INTEGER NOT NULL, expires INTEGER, last_used INTEGER,
  revoked INTEGER);
CREATE INDEX token_user ON token(user);
CREATE TABLE audit(
  number INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, user TEXT NOT NULL, token TEXT NOT NULL,
  peer TEXT NOT NULL, action TEXT NOT NULL, target TEXT NOT NULL, request TEXT NOT NULL, detail TEXT NOT NULL,
  ended INTEGER, outcome TEXT);
CREATE INDEX audit_time ON audit(time);
CREATE INDEX audit_user ON audit(user);
CREATE INDEX audit_action ON audit(action);
CREATE TABLE idempotency(
  user TEXT NOT NULL, key TEXT NOT NULL, digest TEXT NOT NULL, answer TEXT NOT NULL, workflow INTEGER NOT NULL,
  id TEXT NOT NULL, created INTEGER NOT NULL, PRIMARY KEY(user, key)) WITHOUT ROWID;
CREATE INDEX idempotency_created ON idempotency(created);
CREATE TABLE webhook(
  number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, user TEXT NOT NULL, sees_all INTEGER NOT NULL,
  url TEXT NOT NULL, filter TEXT NOT NULL, created INTEGER NOT NULL, state INTEGER NOT NULL, reason TEXT,
  cursor INTEGER NOT NULL, failures INTEGER NOT NULL DEFAULT 0, next INTEGER, last INTEGER, last_outcome TEXT);
CREATE INDEX webhook_user ON webhook(user);
CREATE TABLE webhook_secret(webhook TEXT PRIMARY KEY, secret TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE dead_letter(
  number INTEGER PRIMARY KEY AUTOINCREMENT, webhook TEXT NOT NULL, message TEXT NOT NULL, first INTEGER NOT NULL,
  last INTEGER NOT NULL, time INTEGER NOT NULL, attempts INTEGER NOT NULL, problem TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX dead_letter_webhook ON dead_letter(webhook);
)sql";

/// A list of one user's workflows in a rare status, and the rows of the audit log that a head left open.
constexpr const char* version_6 = R"sql(
CREATE INDEX workflow_by_user_status ON workflow(user, status);
CREATE INDEX audit_open ON audit(number) WHERE ended IS NULL;
)sql";

/// Nodes of pools that have agents, and tokens by which they join: `node` is the one that it lets in, empty for any.
/// Priorities of workflows, as `gang_priority`; 2 is NORMAL.
constexpr const char* version_7 = R"sql(
CREATE TABLE node(
  name TEXT PRIMARY KEY, pool TEXT NOT NULL, memory TEXT NOT NULL, since INTEGER NOT NULL, offered TEXT NOT NULL,
  platform TEXT NOT NULL, labels TEXT NOT NULL, address TEXT NOT NULL, duty INTEGER NOT NULL, reason TEXT NOT NULL,
  deadline INTEGER, first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL) WITHOUT ROWID;
ALTER TABLE token ADD COLUMN node TEXT NOT NULL DEFAULT '';
ALTER TABLE workflow ADD COLUMN priority INTEGER NOT NULL DEFAULT 2;
)sql";

/// Webhooks end with the token that they were made by. Of those that are there nobody knows it.
constexpr const char* version_8 = R"sql(
ALTER TABLE webhook ADD COLUMN token TEXT NOT NULL DEFAULT '';
)sql";

/// What attempts of a group were told to end for, as JSON; see `stop_text`.
constexpr const char* version_9 = R"sql(
ALTER TABLE task_group ADD COLUMN stopping TEXT;
)sql";

/// What is set of pools' policies beside the configuration, as JSON; see `config::patched`.
constexpr const char* version_10 = R"sql(
CREATE TABLE pool_policy(pool TEXT PRIMARY KEY, policy TEXT NOT NULL, changed INTEGER NOT NULL) WITHOUT ROWID;
)sql";

/// Pools that were made while a head ran, in the order of their making; `settings` are as JSON, see
/// `config::read_made_pool`.
constexpr const char* version_11 = R"sql(
CREATE TABLE pool(
  number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, settings TEXT NOT NULL,
  created INTEGER NOT NULL);
)sql";

/// By which drivers a workflow's tasks are run: `process`, or `docker,process`. Of those that are there nobody knows
/// it.
constexpr const char* version_12 = R"sql(
ALTER TABLE workflow ADD COLUMN driver TEXT NOT NULL DEFAULT '';
)sql";

struct identity {
  std::int64_t application = 0;
  std::int64_t version = 0;
  std::int64_t objects = 0;
};

result<identity> identify(sqlite::connection& db) {
  identity found;
  const auto read = [&db](const char* sql, std::int64_t& into) -> result<void> {
    auto x = db.number(sql, "reading the store's header");
    if (!x)
      return x.failure();
    into = *x;
    return {};
  };
  for (const auto& outcome :
       {read("PRAGMA application_id", found.application), read("PRAGMA user_version", found.version),
        read("SELECT count(*) FROM sqlite_schema", found.objects)})
    if (!outcome)
      return outcome.failure();
  return found;
}

std::string file_of(const sqlite::connection& db) {
  const char* name = sqlite3_db_filename(db.get(), "main");
  return name == nullptr ? "the store" : name;
}

error not_a_store(const sqlite::connection& db) {
  return {ec::store_corrupt, file_of(db) + " is a database, but not one of Muster's; move it away, or choose another "
                                           "directory with MUSTER_STATE_DIR"};
}

error too_new(const sqlite::connection& db, std::int64_t found, std::int64_t known) {
  return {ec::store_version, file_of(db) + " was written by a newer Muster (schema " + std::to_string(found) +
                                 ", this one knows up to " + std::to_string(known) +
                                 "); use that Muster, or choose another directory (--state-dir, MUSTER_STATE_DIR)"};
}

std::string statements_of(const migration& step) {
  const auto version = std::to_string(step.version);
  return std::string{step.sql} + "INSERT INTO schema_version VALUES(" + version +
         ", CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)); PRAGMA user_version=" + version + ";";
}

} // namespace

const std::vector<migration>& migrations() {
  static const std::vector<migration> steps{{1, version_1}, {2, version_2},   {3, version_3},   {4, version_4},
                                            {5, version_5}, {6, version_6},   {7, version_7},   {8, version_8},
                                            {9, version_9}, {10, version_10}, {11, version_11}, {12, version_12}};
  return steps;
}

result<void> migrate(sqlite::connection& db, const std::vector<migration>& steps) {
  auto found = identify(db);
  if (!found)
    return found.failure();
  const bool fresh = found->application == 0 && found->version == 0 && found->objects == 0;
  if (!fresh && found->application != application_id)
    return not_a_store(db);
  if (found->version > steps.back().version)
    return too_new(db, found->version, steps.back().version);
  if (found->version == steps.back().version)
    return {};
  auto sql = "BEGIN IMMEDIATE; PRAGMA application_id=" + std::to_string(application_id) + ";";
  for (const auto& step : steps)
    if (step.version > found->version)
      sql += statements_of(step);
  sql += "COMMIT";
  auto done = db.run(sql.c_str(), "bringing the store to schema " + std::to_string(steps.back().version));
  if (!done && db.in_transaction())
    (void)db.run("ROLLBACK", "rolling back");
  return done;
}

result<void> check_restorable(sqlite::connection& db) {
  auto found = identify(db);
  if (!found)
    return found.failure();
  if (found->application != application_id)
    return {ec::store_corrupt, file_of(db) + " is no backup of Muster"};
  if (found->version > migrations().back().version)
    return too_new(db, found->version, migrations().back().version);
  return {};
}

result<void> check_schema(sqlite::connection& db) {
  auto found = identify(db);
  if (!found)
    return found.failure();
  const auto known = migrations().back().version;
  if (found->application == 0 && found->version == 0 && found->objects == 0)
    return {ec::not_found, file_of(db) + " is empty: nothing was run there yet"};
  if (found->application != application_id)
    return not_a_store(db);
  if (found->version > known)
    return too_new(db, found->version, known);
  if (found->version < known)
    return {ec::store_version, file_of(db) + " was written by an older Muster (schema " +
                                   std::to_string(found->version) +
                                   "); any command that writes, such as `muster run`, "
                                   "brings it up to date"};
  return {};
}

} // namespace muster::store
