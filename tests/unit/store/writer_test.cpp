#include "fixture.hpp"

using namespace muster;
using namespace muster::store;

TEST_CASE("a workflow runs through the store") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  const auto flow = must(w.submit(sample(2, 3)));
  CHECK(flow.id == "flow-1");
  CHECK(flow.fact.seq == sequence{1});
  auto running = task_event(flow.key, 0, 0, status::running);
  running.node = "local";
  running.address = "127.0.0.2";
  running.gpus = "0,3";
  running.time = at(30);
  auto done = task_event(flow.key, 0, 0, status::completed);
  done.exit_code = 0;
  done.time = at(40);
  must(w.append(workflow_event(flow.key, event_type::workflow_status, status::running)));
  must(w.append(task_event(flow.key, 0, 0, status::processing)));
  must(w.append(running));
  CHECK(must(w.append(done)) == sequence{5});
  must(w.append(group_event(flow.key, 2, status::processing)));
  CHECK(w.pending() == 6);
  must(w.commit());
  CHECK(w.pending() == 0);
  CHECK(w.latest() == sequence{6});

  auto r = must(reader::open(state.directory()));
  const auto row = must(r.workflow("flow-1"));
  CHECK(row.key == flow.key);
  CHECK(row.status == status::running);
  CHECK(row.started == at(1));
  CHECK(row.groups == 3);
  CHECK(row.tasks == 5);
  CHECK(row.labels.at("team") == "a");
  CHECK(must(r.spec_text(flow.key)) == "workflow: {}");

  const auto tasks = must(r.tasks(flow.key, {}, 100));
  REQUIRE(tasks.size() == 5);
  CHECK(tasks[0].status == status::completed);
  CHECK(tasks[0].ended == at(40));
  REQUIRE(tasks[0].attempt);
  CHECK(tasks[0].attempt->exit_code == 0);
  CHECK(tasks[0].attempt->times.processing == at(1));
  CHECK(tasks[0].attempt->times.running == at(30));
  CHECK(tasks[0].attempt->node == "local");
  CHECK(tasks[0].attempt->address == "127.0.0.2");
  CHECK(tasks[0].attempt->gpus == "0,3");
  CHECK(tasks[1].status == status::waiting);
  CHECK_FALSE(tasks[1].attempt);
  CHECK(tasks[4].group == group_index{2});
  CHECK_FALSE(tasks[4].lead);

  const auto groups = must(r.groups(flow.key, {}, 100));
  REQUIRE(groups.size() == 3);
  CHECK(groups[0].status == status::completed);
  CHECK(groups[0].times.running == at(30));
  CHECK(groups[0].times.ended == at(40));
  CHECK(groups[1].status == status::waiting);
  CHECK(groups[2].status == status::processing);
  CHECK(groups[2].first_task == task_index{2});
  CHECK(groups[2].tasks == 3);
  CHECK_FALSE(groups[2].barrier);
  CHECK(must(r.upstream(flow.key, {2})) == std::vector<group_index>{{0}, {1}});
  CHECK(must(r.upstream(flow.key, {0})).empty());

  const auto bodies = must(r.bodies(flow.key, {1}, 2));
  REQUIRE(bodies.size() == 2);
  CHECK(bodies[0].body == "{\"command\":[\"true\"]}");
  CHECK(bodies[1].request == "{\"cpu\":2}");

  const auto log = whole_log(r, 2);
  REQUIRE(log.size() == 6);
  CHECK(log[0].fact.type == event_type::workflow_submitted);
  CHECK(log[4].workflow == "flow-1");
  CHECK(log[4].group == "one-group");
  CHECK(log[4].task == "one");
  CHECK(log[4].fact.exit_code == 0);
  CHECK(log[5].task.empty());
}

TEST_CASE("what was committed is there after opening again, and numbers go on") {
  const temporary_state state;
  {
    auto w = must(writer::open(state.directory()));
    must(w.submit(sample(1)));
    must(w.submit(sample(1, 0, "other")));
    must(w.commit());
    must(w.submit(sample(1)));
  }
  auto w = must(writer::open(state.directory()));
  CHECK(w.latest() == sequence{2});
  const auto second = must(w.submit(sample(1)));
  CHECK(second.id == "flow-2");
  CHECK(second.fact.seq == sequence{3});
  must(w.commit());
  auto r = must(reader::open(state.directory()));
  CHECK(must(r.workflows({})).size() == 3);
}

TEST_CASE("a refused event leaves nothing, and the transaction goes on") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  const auto key = must(w.submit(sample(1, 2))).key;
  must(w.append(task_event(key, 0, 0, status::processing)));
  must(w.append(task_event(key, 0, 0, status::completed)));

  CHECK(code_of(w.append(task_event(key, 0, 0, status::running))) == ec::conflict);
  CHECK(code_of(w.append(task_event(key, 0, 0, status::failed))) == ec::conflict);
  CHECK(code_of(w.append(task_event(key, 0, 0, status::processing, 1))) == ec::conflict);
  CHECK(code_of(w.append(group_event(key, 0, status::running))) == ec::conflict);
  CHECK(code_of(w.append(task_event(key, 9, 0, status::running))) == ec::not_found);
  CHECK(code_of(w.append(task_event({7}, 0, 0, status::running))) == ec::not_found);
  CHECK(code_of(w.append(task_event({-1}, 0, 0, status::running))) == ec::not_found);
  CHECK(code_of(w.append(task_event(key, 1, 0, status::processing))) == ec::invalid_argument);
  CHECK(code_of(w.append(task_event(key, 1, 1, status::pending))) == ec::invalid_argument);
  CHECK(code_of(w.append(workflow_event(key, event_type::workflow_submitted))) == ec::invalid_argument);
  CHECK(code_of(w.append(workflow_event(key, event_type::unspecified))) == ec::invalid_argument);
  CHECK(w.latest() == sequence{3});
  CHECK(must(w.append(task_event(key, 1, 1, status::processing))) == sequence{4});
  must(w.commit());

  // Also when the row has to be read again.
  w.rollback();
  CHECK(code_of(w.append(task_event(key, 0, 0, status::failed))) == ec::conflict);
  auto r = must(reader::open(state.directory()));
  CHECK(whole_log(r).size() == 4);
  CHECK(must(r.task(key, "one")).status == status::completed);
}

TEST_CASE("a batch is stored whole or not at all") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  const auto key = must(w.submit(sample(1, 2))).key;
  std::vector<event> bad{task_event(key, 0, 0, status::processing), task_event(key, 0, 0, status::rescheduled),
                         group_event(key, 1, status::running),
                         workflow_event(key, event_type::workflow_status, status::running),
                         task_event(key, 1, 1, status::completed)};
  CHECK(code_of(w.append(bad)) == ec::conflict);
  CHECK(w.latest() == sequence{1});
  std::vector<event> good{task_event(key, 0, 0, status::processing), task_event(key, 0, 0, status::running)};
  must(w.append(good));
  CHECK(good[1].seq == sequence{3});
  must(w.commit());
  auto r = must(reader::open(state.directory()));
  CHECK(whole_log(r).size() == 3);
  CHECK(must(r.workflow(key)).status == status::pending);
  CHECK(must(r.groups(key, {1}, 1)).at(0).status == status::waiting);
  CHECK(must(r.tasks(key, {0}, 1)).at(0).status == status::running);
  CHECK(must(r.attempts(key, {0})).size() == 1);
}

TEST_CASE("an attempt is where it was last said to be placed, and nowhere once it gave its place up") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  const auto key = must(w.submit(sample(1))).key;
  const auto put = [&](status s, const char* node, const char* gpus) {
    auto x = task_event(key, 0, 0, s);
    x.node = node;
    x.address = *node == 0 ? "" : "10.0.0.1";
    x.gpus = gpus;
    must(w.append(x));
    must(w.commit());
    const auto row = must(must(reader::open(state.directory())).attempts(key, {0})).at(0);
    return row.node + ' ' + row.address + ' ' + row.gpus;
  };
  CHECK(put(status::processing, "", "") == "  ");
  CHECK(put(status::initializing, "n1", "0,1") == "n1 10.0.0.1 0,1");
  CHECK(put(status::initializing, "", "") == "  "); // Rolled back with its gang.
  CHECK(put(status::initializing, "n2", "") == "n2 10.0.0.1 ");
  CHECK(put(status::running, "n2", "") == "n2 10.0.0.1 ");
  CHECK(put(status::completed, "", "") == "n2 10.0.0.1 "); // Where it was.
}

TEST_CASE("attempts follow each other") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  const auto key = must(w.submit(sample(1))).key;
  const auto put = [&](status s, std::uint32_t attempt, std::int64_t time, std::int32_t code = no_exit_code) {
    auto x = task_event(key, 0, 0, s, attempt);
    x.time = at(time);
    x.exit_code = code;
    x.text = std::string{to_string(s)};
    return code_of(w.append(x));
  };
  CHECK(put(status::running, 0, 1) == ec::conflict); // No intent yet.
  CHECK(put(status::processing, 1, 1) == ec::conflict);
  CHECK(put(status::processing, 0, 10) == ec::none);
  CHECK(put(status::processing, 0, 10) == ec::conflict);
  CHECK(put(status::processing, 1, 10) == ec::conflict); // The first has not ended.
  CHECK(put(status::initializing, 0, 11) == ec::none);
  CHECK(put(status::scheduling, 0, 12) == ec::none); // Rolled back with its gang.
  CHECK(put(status::running, 0, 13) == ec::none);
  CHECK(put(status::scheduling, 0, 14) == ec::conflict); // It was started.
  CHECK(put(status::running, 0, 15) == ec::none);
  CHECK(put(status::rescheduled, 0, 16, 7) == ec::none);
  CHECK(put(status::running, 0, 17) == ec::conflict);
  CHECK(put(status::completed, 0, 17) == ec::conflict);
  must(w.commit());

  auto r = must(reader::open(state.directory()));
  auto group = must(r.groups(key, {}, 1)).at(0);
  CHECK(group.status == status::running);
  CHECK_FALSE(group.times.ended);
  CHECK(must(r.task(key, "one")).status == status::rescheduled);

  CHECK(put(status::processing, 1, 20) == ec::none);
  CHECK(put(status::running, 0, 21) == ec::conflict); // Not the latest.
  CHECK(put(status::running, 1, 22) == ec::none);
  CHECK(put(status::completed, 1, 23, 0) == ec::none);
  must(w.commit());
  const auto attempts = must(r.attempts(key, {0}));
  REQUIRE(attempts.size() == 2);
  CHECK(attempts[0].number == 0);
  CHECK(attempts[0].status == status::rescheduled);
  CHECK(attempts[0].exit_code == 7);
  CHECK(attempts[0].times.running == at(13));
  CHECK(attempts[0].times.ended == at(16));
  CHECK(attempts[0].reason == "RESCHEDULED");
  CHECK(attempts[1].status == status::completed);
  CHECK(attempts[1].exit_code == 0);
  CHECK(attempts[1].times.processing == at(20));
  group = must(r.groups(key, {}, 1)).at(0);
  CHECK(group.status == status::completed);
  CHECK(group.times.running == at(13));
  CHECK(group.times.ended == at(23));
}

TEST_CASE("a task may fail between two attempts, or before the first") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  const auto key = must(w.submit(sample(2))).key;
  must(w.append(task_event(key, 0, 0, status::processing)));
  must(w.append(task_event(key, 0, 0, status::rescheduled)));
  auto canceled = task_event(key, 0, 0, status::failed_canceled);
  canceled.time = at(9);
  must(w.append(canceled));
  must(w.append(task_event(key, 1, 1, status::failed_upstream)));
  must(w.commit());
  CHECK(code_of(w.append(task_event(key, 1, 1, status::processing))) == ec::conflict);
  CHECK(code_of(w.append(task_event(key, 0, 0, status::processing, 1))) == ec::conflict);
  auto r = must(reader::open(state.directory()));
  const auto tasks = must(r.tasks(key, {}, 10));
  CHECK(tasks.at(0).status == status::failed_canceled);
  CHECK(tasks[0].ended == at(9));
  REQUIRE(tasks[0].attempt);
  CHECK(tasks[0].attempt->status == status::rescheduled);
  CHECK(tasks[0].attempt->times.ended == at(1));
  CHECK(must(r.attempts(key, {0})).size() == 1);
  CHECK(tasks.at(1).status == status::failed_upstream);
  CHECK_FALSE(tasks[1].attempt);
  CHECK(must(r.attempts(key, {1})).empty());
}

TEST_CASE("a finished workflow takes no more changes") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  const auto key = must(w.submit(sample(1))).key;
  must(w.append(workflow_event(key, event_type::workflow_cancel_requested, status::unspecified, "enough")));
  must(w.append(workflow_event(key, event_type::workflow_status, status::failed_canceled, "canceled")));
  CHECK(code_of(w.append(workflow_event(key, event_type::workflow_status, status::running))) == ec::conflict);
  CHECK(code_of(w.append(workflow_event(key, event_type::workflow_resumed))) == ec::conflict);
  CHECK(code_of(w.append(workflow_event(key, event_type::workflow_cancel_requested))) == ec::conflict);
  CHECK(code_of(w.append(task_event(key, 0, 0, status::processing))) == ec::conflict);
  must(w.append(task_event(key, 0, 0, status::failed_canceled)));
  must(w.commit());
  auto r = must(reader::open(state.directory()));
  const auto row = must(r.workflow(key));
  CHECK(row.status == status::failed_canceled);
  CHECK(row.reason == "canceled");
  CHECK(row.cancel_message == "enough");
  CHECK(row.cancel_requested == at(1));
  CHECK(row.ended == at(1));
  event_query query;
  query.workflow = key;
  CHECK(must(r.events(query)).events.size() == 4);
}

TEST_CASE("a rollback forgets events, rows and numbers") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  const auto key = must(w.submit(sample(1))).key;
  must(w.commit());
  must(w.append(task_event(key, 0, 0, status::processing)));
  must(w.submit(sample(1)));
  w.rollback();
  CHECK(w.latest() == sequence{1});
  CHECK(must(w.append(task_event(key, 0, 0, status::processing))) == sequence{2});
  CHECK(must(w.submit(sample(1))).id == "flow-2");
  must(w.commit());
  auto r = must(reader::open(state.directory()));
  CHECK(whole_log(r).size() == 3);
}

TEST_CASE("a submission that makes no sense is refused") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  auto x = sample(2);
  x.name.clear();
  CHECK(code_of(w.submit(x)) == ec::invalid_argument);
  x = sample(2);
  x.tasks.pop_back();
  CHECK(code_of(w.submit(x)) == ec::invalid_argument);
  x = sample(2);
  std::swap(x.tasks[0], x.tasks[1]);
  CHECK(code_of(w.submit(x)) == ec::invalid_argument);
  x = sample(2);
  x.groups[1].upstream = {{5}};
  CHECK(code_of(w.submit(x)) == ec::invalid_argument);
  x = sample(2);
  x.groups.clear();
  CHECK(code_of(w.submit(x)) == ec::invalid_argument);
  x = sample(2);
  x.initial = status::completed;
  CHECK(code_of(w.submit(x)) == ec::invalid_argument);
  CHECK(w.latest() == sequence{0});
  must(w.submit(sample(2)));
  must(w.commit());
}

TEST_CASE("many rows changed in one transaction are all written") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  constexpr std::uint32_t count = 40'000; // More than the writer keeps in memory.
  const auto key = must(w.submit(sample(count))).key;
  for (const auto s : {status::processing, status::running, status::completed})
    for (std::uint32_t i = 0; i < count; ++i)
      must(w.append(task_event(key, i, i, s)));
  must(w.commit());
  auto r = must(reader::open(state.directory()));
  CHECK(must(r.task_counts(key)) == std::vector<std::pair<status, std::uint64_t>>{{status::completed, count}});
  CHECK(must(r.latest()) == sequence{3 * count + 1});
}
