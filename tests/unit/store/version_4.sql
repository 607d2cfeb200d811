-- A store of schema version 4 as its Muster left it. Never changes: later versions are tested on it.
BEGIN TRANSACTION;
CREATE TABLE schema_version(version INTEGER PRIMARY KEY, applied INTEGER NOT NULL);
INSERT INTO schema_version VALUES(1,1795264127853995);
INSERT INTO schema_version VALUES(2,1795264127872985);
INSERT INTO schema_version VALUES(3,1795264127877009);
INSERT INTO schema_version VALUES(4,1795264127887992);
CREATE TABLE counter(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO counter VALUES('earliest_sequence',1);
CREATE TABLE workflow_name(name TEXT PRIMARY KEY, last INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO workflow_name VALUES('flow',1);
INSERT INTO workflow_name VALUES('other',2);
CREATE TABLE workflow(
  key INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, number INTEGER NOT NULL,
  status INTEGER NOT NULL, first_seq INTEGER NOT NULL, last_seq INTEGER,
  submitted INTEGER NOT NULL, started INTEGER, ended INTEGER, cancel_requested INTEGER,
  reason TEXT, cancel_message TEXT,
  groups INTEGER NOT NULL, tasks INTEGER NOT NULL,
  pool TEXT NOT NULL, profile TEXT NOT NULL, options TEXT NOT NULL, labels TEXT NOT NULL,
  exec_timeout INTEGER, queue_timeout INTEGER,
  UNIQUE(name, number));
INSERT INTO workflow VALUES(1,'flow',1,30,1,11,1795264127923347,1795264127950503,1795264127952432,NULL,NULL,NULL,2,2,'','muster','{"config":"","docker_host":"","enforce_limits":false,"file":"a.yaml","gpus":[],"keep":false,"max_parallel":0,"max_retries":3,"no_cache":false,"oversubscribe":1.0,"pool":"local","pull":"","set":[],"set_env":[],"set_string":[]}','{"team":"a","tier":"gold"}',NULL,NULL);
INSERT INTO workflow VALUES(2,'other',1,20,12,18,1795264128023206,1795264128056040,1795264128056097,NULL,NULL,NULL,1,1,'','muster','{"config":"","docker_host":"","enforce_limits":false,"file":"b.yaml","gpus":[],"keep":false,"max_parallel":0,"max_retries":3,"no_cache":false,"oversubscribe":1.0,"pool":"local","pull":"","set":[],"set_env":[],"set_string":[]}','{}',NULL,NULL);
INSERT INTO workflow VALUES(3,'other',2,20,19,22,1795264128110183,NULL,1795264128122750,NULL,NULL,NULL,1,1,'','muster','{"config":"","docker_host":"","enforce_limits":false,"file":"b.yaml","gpus":[],"keep":false,"max_parallel":0,"max_retries":3,"no_cache":false,"oversubscribe":1.0,"pool":"local","pull":"","set":[],"set_env":[],"set_string":[]}','{}',NULL,NULL);
CREATE TABLE workflow_spec(workflow INTEGER PRIMARY KEY, text TEXT NOT NULL);
INSERT INTO workflow_spec VALUES(1,replace('workflow:\n  name: flow\n  labels: {team: a, tier: gold}\n  tasks:\n    - name: one\n      image: x\n      command: [sh, -c, ''echo "{\"v\":1}" > "$MUSTER_RESULT"'']\n    - name: two\n      image: x\n      command: [sh, -c, ''exit 3'']\n      inputs: [{task: one}]\n','\n',char(10)));
INSERT INTO workflow_spec VALUES(2,replace('workflow:\n  name: other\n  tasks:\n    - name: c\n      image: x\n      cache: true\n      command: ["true"]\n','\n',char(10)));
INSERT INTO workflow_spec VALUES(3,replace('workflow:\n  name: other\n  tasks:\n    - name: c\n      image: x\n      cache: true\n      command: ["true"]\n','\n',char(10)));
CREATE TABLE task_group(
  id INTEGER PRIMARY KEY, name TEXT NOT NULL, barrier INTEGER NOT NULL, ignore_nonlead INTEGER NOT NULL,
  first_task INTEGER NOT NULL, tasks INTEGER NOT NULL, status INTEGER NOT NULL,
  processing INTEGER, scheduling INTEGER, initializing INTEGER, running INTEGER, ended INTEGER, reason TEXT);
INSERT INTO task_group VALUES(16777216,'one-group',0,1,0,1,3,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO task_group VALUES(16777217,'two-group',0,1,1,1,3,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO task_group VALUES(33554432,'c-group',0,1,0,1,3,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO task_group VALUES(50331648,'c-group',0,1,0,1,3,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE group_upstream(id INTEGER PRIMARY KEY, positions BLOB NOT NULL);
INSERT INTO group_upstream VALUES(16777217,X'00000000');
CREATE TABLE task(
  id INTEGER PRIMARY KEY, position_of_group INTEGER NOT NULL, lead INTEGER NOT NULL, name TEXT NOT NULL,
  request INTEGER NOT NULL, body INTEGER NOT NULL,
  status INTEGER NOT NULL, attempt INTEGER, archived INTEGER, exit_code INTEGER, lease INTEGER,
  processing INTEGER, scheduling INTEGER, initializing INTEGER, running INTEGER, ended INTEGER,
  reason TEXT, node TEXT, address TEXT, gpus TEXT, first_attempt INTEGER);
INSERT INTO task VALUES(16777216,0,1,'one',0,1,20,0,NULL,0,1795264127922244,1795264127945979,NULL,1795264127950488,1795264127950501,1795264127950506,NULL,'local','127.127.129.1',NULL,NULL);
INSERT INTO task VALUES(16777217,1,1,'two',0,2,30,0,NULL,3,1795264127922245,1795264127950509,NULL,1795264127952422,1795264127952429,1795264127952430,'exit code 3','local','127.127.129.2',NULL,NULL);
INSERT INTO task VALUES(33554432,0,1,'c',0,1,20,0,NULL,0,1795264128018021,1795264128033373,NULL,1795264128056021,1795264128056038,1795264128056042,NULL,'local','127.127.142.1',NULL,NULL);
INSERT INTO task VALUES(50331648,0,1,'c',0,1,20,0,NULL,NULL,NULL,1795264128121856,NULL,NULL,NULL,1795264128121863,'cached: same as other-1 c',NULL,NULL,NULL,NULL);
CREATE TABLE task_text(id INTEGER PRIMARY KEY, text TEXT NOT NULL);
INSERT INTO task_text VALUES(16777216,'{"cpu":1,"gpu":0,"memory":1073741824,"storage":1073741824}');
INSERT INTO task_text VALUES(16777217,'{"name":"","image":"x","command":["sh","-c","echo \"{\\\"v\\\":1}\" > \"$MUSTER_RESULT\""]}');
INSERT INTO task_text VALUES(16777218,'{"name":"","image":"x","command":["sh","-c","exit 3"],"inputs":[{"task":"one"}]}');
INSERT INTO task_text VALUES(33554432,'{"cpu":1,"gpu":0,"memory":1073741824,"storage":1073741824}');
INSERT INTO task_text VALUES(33554433,'{"name":"","image":"x","command":["true"]}');
INSERT INTO task_text VALUES(50331648,'{"cpu":1,"gpu":0,"memory":1073741824,"storage":1073741824}');
INSERT INTO task_text VALUES(50331649,'{"name":"","image":"x","command":["true"]}');
CREATE TABLE attempt(
  task INTEGER NOT NULL, number INTEGER NOT NULL, status INTEGER NOT NULL, exit_code INTEGER, lease INTEGER,
  processing INTEGER, scheduling INTEGER, initializing INTEGER, running INTEGER, ended INTEGER,
  reason TEXT, node TEXT, address TEXT, gpus TEXT,
  PRIMARY KEY(task, number)) WITHOUT ROWID;
CREATE TABLE event(
  seq INTEGER PRIMARY KEY, time INTEGER NOT NULL, type INTEGER NOT NULL, workflow INTEGER NOT NULL,
  position_of_group INTEGER, task INTEGER, attempt INTEGER, status INTEGER, exit_code INTEGER, lease INTEGER,
  text TEXT, node TEXT, address TEXT, gpus TEXT);
INSERT INTO event VALUES(1,1795264127923347,1,1,NULL,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO event VALUES(2,1795264127945979,20,1,0,0,0,4,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO event VALUES(3,1795264127950488,20,1,0,0,0,6,NULL,1795264127922244,NULL,'local','127.127.129.1',NULL);
INSERT INTO event VALUES(4,1795264127950501,20,1,0,0,0,7,NULL,1795264127922244,NULL,'local','127.127.129.1',NULL);
INSERT INTO event VALUES(5,1795264127950503,2,1,NULL,NULL,NULL,7,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO event VALUES(6,1795264127950506,20,1,0,0,0,20,0,1795264127922244,NULL,'local','127.127.129.1',NULL);
INSERT INTO event VALUES(7,1795264127950509,20,1,1,1,0,4,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO event VALUES(8,1795264127952422,20,1,1,1,0,6,NULL,1795264127922245,NULL,'local','127.127.129.2',NULL);
INSERT INTO event VALUES(9,1795264127952429,20,1,1,1,0,7,NULL,1795264127922245,NULL,'local','127.127.129.2',NULL);
INSERT INTO event VALUES(10,1795264127952430,20,1,1,1,0,30,3,1795264127922245,'exit code 3','local','127.127.129.2',NULL);
INSERT INTO event VALUES(11,1795264127952432,2,1,NULL,NULL,NULL,30,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO event VALUES(12,1795264128023206,1,2,NULL,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO event VALUES(13,1795264128033373,20,2,0,0,0,4,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO event VALUES(14,1795264128056021,20,2,0,0,0,6,NULL,1795264128018021,NULL,'local','127.127.142.1',NULL);
INSERT INTO event VALUES(15,1795264128056038,20,2,0,0,0,7,NULL,1795264128018021,NULL,'local','127.127.142.1',NULL);
INSERT INTO event VALUES(16,1795264128056040,2,2,NULL,NULL,NULL,7,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO event VALUES(17,1795264128056042,20,2,0,0,0,20,0,1795264128018021,NULL,'local','127.127.142.1',NULL);
INSERT INTO event VALUES(18,1795264128056097,2,2,NULL,NULL,NULL,20,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO event VALUES(19,1795264128110183,1,3,NULL,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO event VALUES(20,1795264128121856,20,3,0,0,0,4,NULL,NULL,'cached: same as other-1 c',NULL,NULL,NULL);
INSERT INTO event VALUES(21,1795264128121863,20,3,0,0,0,20,NULL,NULL,'cached: same as other-1 c',NULL,NULL,NULL);
INSERT INTO event VALUES(22,1795264128122750,2,3,NULL,NULL,NULL,20,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE workflow_flow(workflow INTEGER PRIMARY KEY, text TEXT NOT NULL);
INSERT INTO workflow_flow VALUES(2,'{"resources":{"default":"{}"},"scope":"{\"steps\":[{\"name\":\"c\",\"group\":{\"name\":\"c-group\",\"barrier\":false,\"tasks\":[{\"name\":\"c\",\"image\":\"x\",\"command\":[\"true\"],\"lead\":true}]},\"cache\":\"\"}]}"}');
INSERT INTO workflow_flow VALUES(3,'{"resources":{"default":"{}"},"scope":"{\"steps\":[{\"name\":\"c\",\"group\":{\"name\":\"c-group\",\"barrier\":false,\"tasks\":[{\"name\":\"c\",\"image\":\"x\",\"command\":[\"true\"],\"lead\":true}]},\"cache\":\"\"}]}"}');
CREATE TABLE task_result(id INTEGER PRIMARY KEY, text TEXT NOT NULL);
INSERT INTO task_result VALUES(16777216,'{"v":1}');
CREATE TABLE cache(
  key TEXT PRIMARY KEY, step TEXT NOT NULL, workflow INTEGER NOT NULL, task INTEGER NOT NULL, attempt INTEGER NOT NULL,
  has_output INTEGER NOT NULL, made_of TEXT NOT NULL, used INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO cache VALUES('e11ba96b0c96e74a77b165a436d6728c849f8a926ebb9ff0fc1c18ff7160fc94','c',2,0,0,0,'[{"name":"image","value":"x"},{"name":"command","value":"[\"true\"]"},{"name":"args","value":"[]"}]',1795264128121840);
CREATE TABLE cache_note(id INTEGER PRIMARY KEY, key TEXT NOT NULL, text TEXT NOT NULL);
INSERT INTO cache_note VALUES(33554432,'e11ba96b0c96e74a77b165a436d6728c849f8a926ebb9ff0fc1c18ff7160fc94','no earlier task is like it');
INSERT INTO cache_note VALUES(50331648,'e11ba96b0c96e74a77b165a436d6728c849f8a926ebb9ff0fc1c18ff7160fc94','cached: same as other-1 c');
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('workflow',3);
CREATE INDEX workflow_unfinished ON workflow(key) WHERE ended IS NULL;
CREATE INDEX cache_used ON cache(used);
CREATE INDEX cache_step ON cache(step, used);
PRAGMA application_id=1299412082; PRAGMA user_version=4;
COMMIT;
