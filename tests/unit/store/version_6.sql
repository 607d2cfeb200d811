-- A store of schema version 6 as its Muster left it. Never changes: later versions are tested on it.
BEGIN TRANSACTION;
CREATE TABLE schema_version(version INTEGER PRIMARY KEY, applied INTEGER NOT NULL);
INSERT INTO schema_version VALUES(1,1795285566643001);
INSERT INTO schema_version VALUES(2,1795285566645012);
INSERT INTO schema_version VALUES(3,1795285566653019);
INSERT INTO schema_version VALUES(4,1795285566657002);
INSERT INTO schema_version VALUES(5,1795285566658008);
INSERT INTO schema_version VALUES(6,1795285566665008);
CREATE TABLE counter(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO counter VALUES('earliest_sequence',1);
CREATE TABLE workflow_name(name TEXT PRIMARY KEY, last INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO workflow_name VALUES('flow',1);
CREATE TABLE workflow(
  key INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, number INTEGER NOT NULL,
  status INTEGER NOT NULL, first_seq INTEGER NOT NULL, last_seq INTEGER,
  submitted INTEGER NOT NULL, started INTEGER, ended INTEGER, cancel_requested INTEGER,
  reason TEXT, cancel_message TEXT,
  groups INTEGER NOT NULL, tasks INTEGER NOT NULL,
  pool TEXT NOT NULL, profile TEXT NOT NULL, options TEXT NOT NULL, labels TEXT NOT NULL,
  exec_timeout INTEGER, queue_timeout INTEGER, user TEXT NOT NULL DEFAULT '', bytes INTEGER,
  UNIQUE(name, number));
INSERT INTO workflow VALUES(1,'flow',1,20,1,7,1795285566690573,1795285566710800,1795285566710810,NULL,NULL,NULL,1,1,'local','muster','{"config":"","docker_host":"","enforce_limits":false,"file":"a.yaml","gpus":[],"keep":false,"max_parallel":0,"max_retries":3,"no_cache":false,"oversubscribe":1.0,"pool":"local","pull":"","set":[],"set_env":[],"set_string":[]}','{}',NULL,NULL,'',NULL);
CREATE TABLE workflow_spec(workflow INTEGER PRIMARY KEY, text TEXT NOT NULL);
INSERT INTO workflow_spec VALUES(1,replace('workflow:\n  name: flow\n  tasks:\n    - name: one\n      image: x\n      command: ["true"]\n','\n',char(10)));
CREATE TABLE task_group(
  id INTEGER PRIMARY KEY, name TEXT NOT NULL, barrier INTEGER NOT NULL, ignore_nonlead INTEGER NOT NULL,
  first_task INTEGER NOT NULL, tasks INTEGER NOT NULL, status INTEGER NOT NULL,
  processing INTEGER, scheduling INTEGER, initializing INTEGER, running INTEGER, ended INTEGER, reason TEXT);
INSERT INTO task_group VALUES(16777216,'one-group',0,1,0,1,3,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE group_upstream(id INTEGER PRIMARY KEY, positions BLOB NOT NULL);
CREATE TABLE task(
  id INTEGER PRIMARY KEY, position_of_group INTEGER NOT NULL, lead INTEGER NOT NULL, name TEXT NOT NULL,
  request INTEGER NOT NULL, body INTEGER NOT NULL,
  status INTEGER NOT NULL, attempt INTEGER, archived INTEGER, exit_code INTEGER, lease INTEGER,
  processing INTEGER, scheduling INTEGER, initializing INTEGER, running INTEGER, ended INTEGER,
  reason TEXT, node TEXT, address TEXT, gpus TEXT, first_attempt INTEGER);
INSERT INTO task VALUES(16777216,0,1,'one',0,1,20,0,NULL,0,1795285566688231,1795285566702639,NULL,1795285566710753,1795285566710797,1795285566710799,NULL,'local','127.82.58.1',NULL,NULL);
CREATE TABLE task_text(id INTEGER PRIMARY KEY, text TEXT NOT NULL);
INSERT INTO task_text VALUES(16777216,'{"cpu":1,"gpu":0,"memory":1073741824,"storage":1073741824}');
INSERT INTO task_text VALUES(16777217,'{"name":"","image":"x","command":["true"]}');
CREATE TABLE attempt(
  task INTEGER NOT NULL, number INTEGER NOT NULL, status INTEGER NOT NULL, exit_code INTEGER, lease INTEGER,
  processing INTEGER, scheduling INTEGER, initializing INTEGER, running INTEGER, ended INTEGER,
  reason TEXT, node TEXT, address TEXT, gpus TEXT,
  PRIMARY KEY(task, number)) WITHOUT ROWID;
CREATE TABLE event(
  seq INTEGER PRIMARY KEY, time INTEGER NOT NULL, type INTEGER NOT NULL, workflow INTEGER NOT NULL,
  position_of_group INTEGER, task INTEGER, attempt INTEGER, status INTEGER, exit_code INTEGER, lease INTEGER,
  text TEXT, node TEXT, address TEXT, gpus TEXT);
INSERT INTO event VALUES(1,1795285566690573,1,1,NULL,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO event VALUES(2,1795285566702639,20,1,0,0,0,4,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO event VALUES(3,1795285566710753,20,1,0,0,0,6,NULL,1795285566688231,NULL,'local','127.82.58.1',NULL);
INSERT INTO event VALUES(4,1795285566710797,20,1,0,0,0,7,NULL,1795285566688231,NULL,'local','127.82.58.1',NULL);
INSERT INTO event VALUES(5,1795285566710799,20,1,0,0,0,20,0,1795285566688231,NULL,'local','127.82.58.1',NULL);
INSERT INTO event VALUES(6,1795285566710800,2,1,NULL,NULL,NULL,7,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO event VALUES(7,1795285566710810,2,1,NULL,NULL,NULL,20,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE workflow_flow(workflow INTEGER PRIMARY KEY, text TEXT NOT NULL);
CREATE TABLE task_result(id INTEGER PRIMARY KEY, text TEXT NOT NULL);
CREATE TABLE cache(
  key TEXT PRIMARY KEY, step TEXT NOT NULL, workflow INTEGER NOT NULL, task INTEGER NOT NULL, attempt INTEGER NOT NULL,
  has_output INTEGER NOT NULL, made_of TEXT NOT NULL, used INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE cache_note(id INTEGER PRIMARY KEY, key TEXT NOT NULL, text TEXT NOT NULL);
CREATE TABLE setting(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO setting VALUES('log_id','4cd61d2b-c7e1-4385-8d1b-dd309f5dad2f');
CREATE TABLE workflow_label(
  name TEXT NOT NULL, has_value INTEGER NOT NULL, value TEXT NOT NULL, workflow INTEGER NOT NULL,
  PRIMARY KEY(name, has_value, value, workflow)) WITHOUT ROWID;
CREATE TABLE removed_workflow(
  workflow INTEGER PRIMARY KEY, id TEXT NOT NULL, user TEXT NOT NULL, first_seq INTEGER NOT NULL,
  last_seq INTEGER NOT NULL, phase INTEGER NOT NULL);
CREATE TABLE token(
  number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, user TEXT NOT NULL,
  role INTEGER NOT NULL, hash TEXT NOT NULL UNIQUE, created INTEGER NOT NULL, expires INTEGER, last_used INTEGER,
  revoked INTEGER);
INSERT INTO token VALUES(1,'t_ca65f43cfcac0864','','ada',2,'d21e1df1f1328bc1f5fdecc3de996ca34808caf816bae2d271709ac8277d3328',1795285566739339,NULL,NULL,NULL);
INSERT INTO token VALUES(2,'t_4fb192b935ba7a90','','root',3,'398c20cc486837edde9e995400418004cd325e8250c1869d632f219e0dd311c7',1795285566800396,1795328766800396,NULL,NULL);
CREATE TABLE audit(
  number INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, user TEXT NOT NULL, token TEXT NOT NULL,
  peer TEXT NOT NULL, action TEXT NOT NULL, target TEXT NOT NULL, request TEXT NOT NULL, detail TEXT NOT NULL,
  ended INTEGER, outcome TEXT);
CREATE TABLE idempotency(
  user TEXT NOT NULL, key TEXT NOT NULL, digest TEXT NOT NULL, answer TEXT NOT NULL, workflow INTEGER NOT NULL,
  id TEXT NOT NULL, created INTEGER NOT NULL, PRIMARY KEY(user, key)) WITHOUT ROWID;
CREATE TABLE webhook(
  number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, user TEXT NOT NULL, sees_all INTEGER NOT NULL,
  url TEXT NOT NULL, filter TEXT NOT NULL, created INTEGER NOT NULL, state INTEGER NOT NULL, reason TEXT,
  cursor INTEGER NOT NULL, failures INTEGER NOT NULL DEFAULT 0, next INTEGER, last INTEGER, last_outcome TEXT);
CREATE TABLE webhook_secret(webhook TEXT PRIMARY KEY, secret TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE dead_letter(
  number INTEGER PRIMARY KEY AUTOINCREMENT, webhook TEXT NOT NULL, message TEXT NOT NULL, first INTEGER NOT NULL,
  last INTEGER NOT NULL, time INTEGER NOT NULL, attempts INTEGER NOT NULL, problem TEXT NOT NULL, body TEXT NOT NULL);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('workflow',1);
INSERT INTO sqlite_sequence VALUES('token',2);
CREATE INDEX workflow_unfinished ON workflow(key) WHERE ended IS NULL;
CREATE INDEX cache_used ON cache(used);
CREATE INDEX cache_step ON cache(step, used);
CREATE INDEX workflow_by_name ON workflow(name);
CREATE INDEX workflow_by_user ON workflow(user);
CREATE INDEX workflow_by_pool ON workflow(pool);
CREATE INDEX workflow_by_status ON workflow(status);
CREATE INDEX workflow_by_end ON workflow(ended, bytes) WHERE ended IS NOT NULL;
CREATE INDEX workflow_unmeasured ON workflow(key) WHERE ended IS NOT NULL AND bytes IS NULL;
CREATE INDEX removed_workflow_phase ON removed_workflow(phase, last_seq);
CREATE INDEX cache_workflow ON cache(workflow);
CREATE INDEX token_user ON token(user);
CREATE INDEX audit_time ON audit(time);
CREATE INDEX audit_user ON audit(user);
CREATE INDEX audit_action ON audit(action);
CREATE INDEX idempotency_created ON idempotency(created);
CREATE INDEX webhook_user ON webhook(user);
CREATE INDEX dead_letter_webhook ON dead_letter(webhook);
CREATE INDEX workflow_by_user_status ON workflow(user, status);
CREATE INDEX audit_open ON audit(number) WHERE ended IS NULL;
PRAGMA application_id=1299412082; PRAGMA user_version=6;
COMMIT;
