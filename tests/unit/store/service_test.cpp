#include "fixture.hpp"

using namespace muster;
using namespace muster::store;

namespace {

struct store_pair {
  temporary_state state;
  writer w = must(writer::open(state.directory()));
  reader r = must(reader::open(state.directory()));

  std::int64_t change(service_change x) {
    const auto number = must(w.change_service(x));
    must(w.commit());
    return number;
  }
};

token_record token(const std::string& id, const std::string& user = "ada") {
  token_record x;
  x.id = id;
  x.name = "laptop";
  x.user = user;
  x.role = role::user;
  x.hash = "hash of " + id;
  x.created = at(1);
  return x;
}

audit_record row(const std::string& user, const std::string& action, std::int64_t time) {
  audit_record x;
  x.time = at(time);
  x.user = user;
  x.token = "t1";
  x.peer = "127.0.0.1";
  x.action = action;
  x.target = "flow-1";
  x.request = "r-" + std::to_string(time);
  x.detail = "{}";
  return x;
}

node_record machine(const std::string& name, const std::string& memory, std::int64_t time) {
  node_record x;
  x.name = name;
  x.pool = "farm";
  x.memory = memory;
  x.since = {7};
  x.offered = "{}";
  x.platform = "h200";
  x.labels = {{"rack", "r1"}};
  x.address = "10.0.0.1";
  x.last_seen = at(time);
  return x;
}

webhook_record hook(const std::string& id, const std::string& user = "ada") {
  webhook_record x;
  x.id = id;
  x.user = user;
  x.url = "https://example.org/hook";
  x.filter = "{}";
  x.created = at(1);
  x.cursor = {5};
  return x;
}

submission keyed(const std::string& digest, std::int64_t time = 0, const std::string& key = "k") {
  auto x = sample(1);
  x.time = at(time);
  x.user = "ada";
  x.once = idempotency_key{"ada", key, digest, "[\"note\"]"};
  return x;
}

} // namespace

TEST_CASE("a token is found by its hash, and never shown with it") {
  store_pair s;
  auto mine = token("t1");
  mine.expires = at(100);
  CHECK(s.change(token_created{mine}) == 1);
  CHECK(s.change(token_created{token("t2", "bob")}) == 2);
  CHECK(s.change(token_created{token("t3")}) == 3);
  const auto found = must(s.r.token_of("hash of t1"));
  REQUIRE(found);
  CHECK(found->id == "t1");
  CHECK(found->user == "ada");
  CHECK(found->role == role::user);
  CHECK(found->expires == at(100));
  CHECK(found->hash.empty());
  CHECK_FALSE(found->revoked);
  CHECK_FALSE(must(s.r.token_of("hash of nothing")));
  CHECK(code_of(s.r.token("t9")) == ec::not_found);

  token_query query;
  query.limit = 2;
  auto page = must(s.r.tokens(query));
  REQUIRE(page.size() == 2);
  CHECK(page[0].id == "t3");
  query.before = page[1].number;
  CHECK(must(s.r.tokens(query)).size() == 1);
  query.before = 0;
  query.user = "bob";
  page = must(s.r.tokens(query));
  REQUIRE(page.size() == 1);
  CHECK(page[0].id == "t2");
}

TEST_CASE("a token is revoked once, and its use is noted") {
  store_pair s;
  s.change(token_created{token("t1")});
  s.change(tokens_used{{{"t1", at(7)}, {"gone", at(7)}}});
  s.change(tokens_used{{{"t1", at(3)}}});
  CHECK(must(s.r.token("t1")).last_used == at(7));
  s.change(token_revoked{"t1", at(9)});
  s.change(token_revoked{"t1", at(12)});
  CHECK(must(s.r.token("t1")).revoked == at(9));
  CHECK(code_of(s.w.change_service(token_revoked{"t2", at(9)})) == ec::not_found);
}

TEST_CASE("what is refused changes nothing, and the transaction goes on") {
  store_pair s;
  s.change(token_created{token("t1")});
  CHECK(code_of(s.w.change_service(token_created{token("t1")})) == ec::conflict);
  auto same_hash = token("t2");
  same_hash.hash = "hash of t1";
  CHECK(code_of(s.w.change_service(token_created{same_hash})) == ec::conflict);
  auto no_role = token("t4");
  no_role.role = role::unspecified;
  CHECK(code_of(s.w.change_service(token_created{no_role})) == ec::invalid_argument);
  CHECK(must(s.w.submit(sample(1))).id == "flow-1");
  must(s.w.commit());
  CHECK(must(s.r.tokens({})).size() == 1);
  CHECK(must(s.r.workflow("flow-1")).tasks == 1);
}

TEST_CASE("the audit log keeps what was tried, and what became of it") {
  store_pair s;
  const auto first = s.change(audit_begun{row("ada", "workflow.cancel", 1)});
  const auto second = s.change(audit_begun{row("bob", "workflow.submit", 2)});
  s.change(audit_begun{row("ada", "workflow.submit", 3)});
  s.change(audit_ended{first, "ok", at(4)});
  CHECK(code_of(s.w.change_service(audit_ended{99, "ok", at(4)})) == ec::not_found);

  auto all = must(s.r.audit({}));
  REQUIRE(all.size() == 3);
  CHECK(all[2].number == first);
  CHECK(all[2].outcome == "ok");
  CHECK(all[2].ended == at(4));
  CHECK(all[2].peer == "127.0.0.1");
  CHECK(all[1].outcome.empty());
  CHECK_FALSE(all[1].ended);

  audit_query query;
  query.before = second;
  CHECK(must(s.r.audit(query)).size() == 1);
  query = {};
  query.user = "ada";
  CHECK(must(s.r.audit(query)).size() == 2);
  query.action = "workflow.submit";
  CHECK(must(s.r.audit(query)).size() == 1);
  query.user.reset();
  CHECK(must(s.r.audit(query)).size() == 2);
  query = {};
  query.limit = 1;
  CHECK(must(s.r.audit(query)).front().action == "workflow.submit");

  // What was made is known only then.
  s.change(audit_ended{second, "ok", at(5), "fan-3"});
  CHECK(must(s.r.audit({}))[1].target == "flow-1 fan-3");
  // A head that ended in between cannot say any more.
  CHECK(s.change(audit_abandoned{at(6)}) == 1);
  CHECK(must(s.r.audit({}))[0].outcome == "unknown");
  CHECK(must(s.r.audit({}))[1].outcome == "ok");
  CHECK(s.change(audit_abandoned{at(7)}) == 0);

  CHECK(s.change(audit_expired{at(3), 1}) == 1);
  CHECK(s.change(audit_expired{at(3), 9}) == 1);
  CHECK(must(s.r.audit({})).size() == 1);
}

TEST_CASE("a submission under a key is accepted once") {
  store_pair s;
  const auto first = must(s.w.submit(keyed("d1")));
  CHECK_FALSE(first.is_replay);
  // Also before the first one is durable.
  const auto again = must(s.w.submit(keyed("d1", 5)));
  CHECK(again.is_replay);
  CHECK(again.id == first.id);
  CHECK(again.key == first.key);
  must(s.w.commit());
  CHECK(must(s.w.submit(keyed("d1", 6))).is_replay);
  CHECK(code_of(s.w.submit(keyed("d2", 6))) == ec::idempotency_mismatch);
  CHECK_FALSE(must(s.w.submit(keyed("d2", 6, "other"))).is_replay);
  must(s.w.commit());
  CHECK(must(s.r.workflows({})).size() == 2);
  CHECK(s.w.latest() == sequence{2});
  const auto kept = must(s.r.idempotent("ada", "k"));
  REQUIRE(kept);
  CHECK(kept->id == "flow-1");
  CHECK(kept->sent.digest == "d1");
  CHECK(kept->sent.answer == "[\"note\"]");
  CHECK_FALSE(must(s.r.idempotent("bob", "k")));
}

TEST_CASE("the key of a submission is forgotten after its time") {
  store_pair s;
  must(s.w.submit(keyed("d1")));
  must(s.w.commit());
  const auto day = idempotency_span.count();
  CHECK(must(s.w.submit(keyed("d1", day - 1))).is_replay);
  CHECK_FALSE(must(s.w.submit(keyed("d2", day))).is_replay);
  must(s.w.commit());
  CHECK(must(s.r.idempotent("ada", "k"))->id == "flow-2");
  CHECK(s.change(idempotency_expired{at(day), 9}) == 0);
  CHECK(s.change(idempotency_expired{at(day + 1), 9}) == 1);
  CHECK_FALSE(must(s.r.idempotent("ada", "k")));
}

TEST_CASE("a key that was rolled back with its submission is free") {
  store_pair s;
  must(s.w.submit(keyed("d1")));
  s.w.rollback();
  CHECK_FALSE(must(s.w.submit(keyed("d2"))).is_replay);
}

TEST_CASE("a webhook keeps its cursor, and its secret apart") {
  store_pair s;
  CHECK(s.change(webhook_created{hook("w1"), "whsec_a"}) == 1);
  CHECK(s.change(webhook_created{hook("w2", "bob"), "whsec_b"}) == 2);
  CHECK(code_of(s.w.change_service(webhook_created{hook("w1"), "whsec_c"})) == ec::conflict);
  CHECK(must(s.r.webhook_secret("w1")) == "whsec_a");
  CHECK(code_of(s.r.webhook_secret("w9")) == ec::not_found);

  auto changed = hook("w1");
  changed.cursor = {9};
  changed.failures = 2;
  changed.next = at(50);
  changed.last = at(40);
  changed.last_outcome = "503";
  s.change(webhook_progress{changed, {}});
  auto known = must(s.r.webhook("w1"));
  CHECK(known.cursor == sequence{9});
  CHECK(known.failures == 2);
  CHECK(known.next == at(50));
  CHECK(known.last_outcome == "503");
  CHECK(known.state == webhook_state::active);
  changed.cursor = {7}; // Never back.
  changed.state = webhook_state::disabled;
  changed.reason = "410";
  changed.next.reset();
  s.change(webhook_progress{changed, {}});
  known = must(s.r.webhook("w1"));
  CHECK(known.cursor == sequence{9});
  CHECK(known.state == webhook_state::disabled);
  CHECK_FALSE(known.next);

  CHECK(must(s.r.webhooks(0, 10)).size() == 2);
  CHECK(must(s.r.webhooks(1, 10)).front().id == "w2");
  CHECK(must(s.r.webhooks(0, 10, "bob")).size() == 1);
  CHECK(code_of(s.w.change_service(webhook_progress{hook("w9"), {}})) == ec::not_found);
}

TEST_CASE("dead letters are kept up to a number, and go with their webhook") {
  store_pair s;
  s.change(webhook_created{hook("w1"), "whsec_a"});
  s.change(webhook_created{hook("w2"), "whsec_b"});
  for (std::uint64_t i = 1; i <= max_dead_letters + 5; ++i) {
    dead_letter x;
    x.message = "msg_" + std::to_string(i);
    x.first = x.last = {i};
    x.attempts = 3;
    x.problem = "500";
    x.body = "{}";
    must(s.w.change_service(webhook_progress{hook("w1"), x}));
  }
  must(s.w.change_service(webhook_progress{hook("w2"), dead_letter{}}));
  must(s.w.commit());
  const auto newest = must(s.r.dead_letters("w1", 0, 10));
  REQUIRE(newest.size() == 10);
  CHECK(newest.front().message == "msg_" + std::to_string(max_dead_letters + 5));
  CHECK(newest.front().problem == "500");
  CHECK(must(s.r.dead_letters("w1", 0, 9999)).size() == max_dead_letters);
  CHECK(must(s.r.dead_letters("w1", newest.back().number, 1)).front().message ==
        "msg_" + std::to_string(max_dead_letters - 5));
  s.change(webhook_deleted{"w1"});
  CHECK(must(s.r.dead_letters("w1", 0, 10)).empty());
  CHECK(code_of(s.r.webhook_secret("w1")) == ec::not_found);
  CHECK(must(s.r.dead_letters("w2", 0, 10)).size() == 1);
  CHECK(code_of(s.w.change_service(webhook_deleted{"w1"})) == ec::not_found);
}

TEST_CASE("the size of a workflow is noted once it has ended, and forgotten when it runs again") {
  store_pair s;
  const auto key = must(s.w.submit(sample(1))).key;
  CHECK(s.change(workflow_measured{key, 7}) == 0);
  must(s.w.append(workflow_event(key, event_type::workflow_status, status::failed)));
  CHECK(s.change(workflow_measured{key, 9}) == 1);
  CHECK(must(s.r.workflow(key)).bytes == 9);
  must(s.w.append(workflow_event(key, event_type::workflow_retried)));
  must(s.w.commit());
  CHECK_FALSE(must(s.r.workflow(key)).bytes);
}

TEST_CASE("what attempts of a group are told to end for is kept until something else is") {
  store_pair store;
  const auto key = must(store.w.submit(sample(2))).key;
  must(store.w.commit());
  CHECK_FALSE(must(store.r.groups(key, {}, 9))[0].stopping);
  const stop_purpose why{status::rescheduled, 3006, "Preempted: \"x\"\n", {{task_index{0}, 1}, {task_index{1}, 0}}};
  CHECK(store.change(group_stopping{key, group_index{1}, why}) == 1);
  const auto groups = must(store.r.groups(key, {}, 9));
  CHECK_FALSE(groups[0].stopping);
  REQUIRE(groups[1].stopping);
  CHECK(groups[1].stopping->status == why.status);
  CHECK(groups[1].stopping->exit_code == why.exit_code);
  CHECK(groups[1].stopping->text == why.text);
  CHECK(groups[1].stopping->attempts == why.attempts);
  store.change(group_stopping{key, group_index{1}, {}});
  CHECK_FALSE(must(store.r.groups(key, {}, 9))[1].stopping);
  CHECK(code_of(store.w.change_service(group_stopping{key, group_index{7}, why})) == ec::not_found);
}

TEST_CASE("roles have names") {
  for (const auto x : {role::viewer, role::user, role::admin})
    CHECK(role_from(to_string(x)) == x);
  CHECK(role_from("root") == role::unspecified);
}

TEST_CASE("a node is kept as it joined last, and its duty as it was decided") {
  store_pair store;
  store.change(node_joined{machine("n2", "a", 1)});
  store.change(node_joined{machine("n1", "a", 1)});
  store.change(node_assigned{"n1", node_duty::draining, "new disks", at(90)});
  auto again = machine("n1", "b", 5);
  again.since = {9};
  again.platform = "b200";
  store.change(node_joined{again});
  store.change(nodes_seen{{"n1", "gone"}, at(8)});
  const auto all = must(store.r.nodes());
  REQUIRE(all.size() == 2);
  CHECK(all[0].name == "n1");
  CHECK(all[0].memory == "b");
  CHECK(all[0].since == epoch{9});
  CHECK(all[0].platform == "b200");
  CHECK(all[0].labels.at("rack") == "r1");
  CHECK(all[0].duty == node_duty::draining);
  CHECK(all[0].reason == "new disks");
  CHECK(all[0].deadline == at(90));
  CHECK(all[0].first_seen == at(1));
  CHECK(all[0].last_seen == at(8));
  CHECK(all[1].duty == node_duty::serving);
  store.change(node_assigned{"n1", node_duty::serving, "", {}});
  CHECK_FALSE(must(store.r.nodes())[0].deadline);
  CHECK(must(store.r.nodes())[0].duty == node_duty::serving);
  store.change(node_removed{"n1"});
  CHECK(must(store.r.nodes()).size() == 1);
}

TEST_CASE("a node is of one pool, and what is not known is refused") {
  store_pair store;
  store.change(node_joined{machine("n1", "a", 1)});
  auto other = machine("n1", "a", 2);
  other.pool = "other";
  CHECK(code_of(store.w.change_service(node_joined{other})) == ec::conflict);
  CHECK(code_of(store.w.change_service(node_joined{machine("n3", "", 2)})) == ec::invalid_argument);
  CHECK(code_of(store.w.change_service(node_assigned{"n2", node_duty::serving, "", {}})) == ec::not_found);
  CHECK(code_of(store.w.change_service(node_removed{"n2"})) == ec::not_found);
  CHECK(must(store.r.nodes())[0].pool == "farm");
}

TEST_CASE("what is set of a pool's policy is kept until nothing is") {
  store_pair store;
  CHECK(must(store.r.pool_policies()).empty());
  store.change(pool_policy_set{"farm", R"({"strategy":"spread"})", at(1)});
  store.change(pool_policy_set{"lab", R"({"age_step":"1m"})", at(2)});
  store.change(pool_policy_set{"farm", R"({"maintenance":"disks"})", at(3)});
  const std::map<std::string, std::string> both{{"farm", R"({"maintenance":"disks"})"},
                                                {"lab", R"({"age_step":"1m"})"}};
  CHECK(must(store.r.pool_policies()) == both);
  store.change(pool_policy_set{"farm", "{}", at(4)});
  store.change(pool_policy_set{"none", "{}", at(4)});
  CHECK(must(store.r.pool_policies()).size() == 1);
}

TEST_CASE("pools that were made are kept in the order of their making, with what is set of their policies") {
  store_pair store;
  CHECK(must(store.r.pools()).empty());
  store.change(pool_policy_set{"west", R"({"strategy":"spread"})", at(1)}); // Of one that a file had.
  const auto west = store.change(pool_created{{0, "west", R"({"lost_after":"2m"})", at(2)}, "{}"});
  const auto east = store.change(pool_created{{0, "east", "{}", at(3)}, R"({"maintenance":"disks"})"});
  CHECK(west < east);
  CHECK(code_of(store.w.change_service(pool_created{{0, "east", "{}", at(4)}, "{}"})) == ec::conflict);
  CHECK(code_of(store.w.change_service(pool_created{{0, "", "{}", at(4)}, "{}"})) == ec::invalid_argument);
  const auto all = must(store.r.pools());
  REQUIRE(all.size() == 2);
  CHECK(all[0].name == "west");
  CHECK(all[0].number == west);
  CHECK(all[0].settings == R"({"lost_after":"2m"})");
  CHECK(all[0].created == at(2));
  CHECK(all[1].name == "east");
  const std::map<std::string, std::string> only{{"east", R"({"maintenance":"disks"})"}};
  CHECK(must(store.r.pool_policies()) == only);

  CHECK(store.change(pool_deleted{"east"}) == 1);
  CHECK(must(store.r.pool_policies()).empty());
  CHECK(code_of(store.w.change_service(pool_deleted{"east"})) == ec::not_found);
  CHECK(store.change(pool_created{{0, "east", "{}", at(5)}, "{}"}) > east);
  CHECK(must(store.r.pools()).size() == 2);
}

TEST_CASE("a token may be for one node") {
  store_pair store;
  auto x = token("t1");
  x.role = role::node;
  x.node = "n1";
  store.change(token_created{x});
  const auto read = must(store.r.token("t1"));
  CHECK(read.role == role::node);
  CHECK(read.node == "n1");
  CHECK(role_from("node") == role::node);
}
