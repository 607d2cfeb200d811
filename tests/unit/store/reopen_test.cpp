#include "fixture.hpp"

#include "muster/event/json.hpp"

#include <random>
#include <sstream>

using namespace muster;
using namespace muster::store;

namespace {

event reopened(workflow_key w, std::uint32_t task, std::uint32_t group) {
  auto x = task_event(w, task, group, status::unspecified);
  x.type = event_type::task_reopened;
  x.text = "retried";
  return x;
}

event group_reopened(workflow_key w, std::uint32_t group) {
  auto x = group_event(w, group, status::unspecified);
  x.type = event_type::group_reopened;
  return x;
}

event retried(workflow_key w) {
  return workflow_event(w, event_type::workflow_retried, status::unspecified, "muster retry");
}

/// All rows of the store, as text.
std::string all_rows(const state_directory& where) {
  auto r = must(reader::open(where));
  std::ostringstream out;
  const auto time = [&out](const std::optional<timestamp>& t) {
    out << ' ' << (t ? std::to_string(t->time_since_epoch().count()) : "-");
  };
  const auto times = [&](const stage_times& t) {
    for (const auto& x : {t.processing, t.scheduling, t.initializing, t.running, t.ended})
      time(x);
  };
  const auto attempt = [&](const attempt_record& a) {
    out << " #" << a.number << to_string(a.status) << ' ' << a.exit_code << a.reason << a.node << a.lease.value;
    times(a.times);
  };
  for (const auto& w : must(r.workflows({}))) {
    out << w.id << ' ' << to_string(w.status) << ' ' << w.reason << ' ' << w.cancel_message;
    time(w.started);
    time(w.ended);
    time(w.cancel_requested);
    out << '\n';
    for (const auto& g : must(r.groups(w.key, {}, 100))) {
      out << "group " << g.index.value << ' ' << to_string(g.status) << ' ' << g.reason;
      times(g.times);
      out << '\n';
    }
    for (const auto& t : must(r.tasks(w.key, {}, 100))) {
      out << "task " << t.index.value << ' ' << to_string(t.status) << ' ' << t.reason;
      time(t.ended);
      if (t.attempt)
        attempt(*t.attempt);
      out << ' ' << must(r.task_result(w.key, t.index)).value_or("-") << '\n';
      for (const auto& a : must(r.attempts(w.key, t.index)))
        attempt(a);
      out << '\n';
    }
  }
  for (const auto& x : whole_log(r))
    out << to_json(x.fact, {x.workflow, x.group, x.task}) << '\n';
  return out.str();
}

} // namespace

TEST_CASE("a finished workflow is retried") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  const auto key = must(w.submit(sample(2, 2))).key;
  const auto run = [&](std::uint32_t task, std::uint32_t group, status end, std::uint32_t attempt = 0) {
    must(w.append(task_event(key, task, group, status::processing, attempt)));
    auto x = task_event(key, task, group, status::running, attempt);
    x.node = "local";
    x.time = at(100 * attempt + 10);
    must(w.append(x));
    x.status = end;
    x.exit_code = end == status::completed ? 0 : 3;
    x.result = "\"of " + std::to_string(attempt) + '"';
    x.time = at(100 * attempt + 20);
    must(w.append(x));
  };
  run(0, 0, status::completed);
  run(1, 1, status::failed);
  for (const std::uint32_t t : {2U, 3U})
    must(w.append(task_event(key, t, 2, status::failed_upstream)));
  must(w.append(group_event(key, 2, status::failed_upstream)));
  must(w.append(workflow_event(key, event_type::workflow_cancel_requested, status::unspecified, "enough")));

  CHECK(code_of(w.append(retried(key))) == ec::conflict);
  CHECK(code_of(w.append(reopened(key, 9, 1))) == ec::not_found);
  must(w.append(workflow_event(key, event_type::workflow_status, status::failed)));
  must(w.commit());
  CHECK(code_of(w.append(reopened(key, 1, 1))) == ec::conflict);
  CHECK(code_of(w.append(group_reopened(key, 2))) == ec::conflict);

  std::vector<event> batch{retried(key), reopened(key, 1, 1), reopened(key, 2, 2), reopened(key, 3, 2),
                           group_reopened(key, 2)};
  must(w.append(batch));
  must(w.commit());
  CHECK(batch[0].status == status::pending);
  CHECK(batch[1].status == status::waiting);

  auto r = must(reader::open(state.directory()));
  auto row = must(r.workflow(key));
  CHECK(row.status == status::pending);
  CHECK(row.reason == "muster retry");
  CHECK_FALSE(row.ended);
  CHECK_FALSE(row.cancel_requested);
  CHECK(row.cancel_message.empty());
  workflow_query unfinished;
  unfinished.unfinished = true;
  CHECK(must(r.workflows(unfinished)).size() == 1);
  auto tasks = must(r.tasks(key, {}, 10));
  CHECK(tasks[0].status == status::completed);
  CHECK(must(r.task_result(key, {0})) == "\"of 0\"");
  CHECK(tasks[1].status == status::waiting);
  CHECK_FALSE(tasks[1].ended);
  REQUIRE(tasks[1].attempt);
  CHECK(tasks[1].attempt->status == status::failed);
  CHECK(tasks[1].attempt->exit_code == 3);
  CHECK_FALSE(must(r.task_result(key, {1})));
  CHECK(must(r.attempts(key, {1})).size() == 1);
  CHECK(tasks[2].status == status::waiting);
  CHECK_FALSE(tasks[2].attempt);
  auto groups = must(r.groups(key, {}, 10));
  CHECK(groups[1].status == status::waiting);
  CHECK_FALSE(groups[1].times.running);
  CHECK(groups[2].status == status::waiting);
  CHECK_FALSE(groups[2].times.ended);

  // What was not reopened stays as it is; the rest goes on with the next numbers.
  CHECK(code_of(w.append(task_event(key, 0, 0, status::running))) == ec::conflict);
  CHECK(code_of(w.append(reopened(key, 1, 1))) == ec::conflict);
  CHECK(code_of(w.append(task_event(key, 1, 1, status::processing))) == ec::conflict);
  CHECK(code_of(w.append(task_event(key, 1, 1, status::running))) == ec::conflict);
  CHECK(code_of(w.append(task_event(key, 1, 1, status::processing, 2))) == ec::conflict);
  run(1, 1, status::completed, 1);
  must(w.append(task_event(key, 2, 2, status::processing)));
  must(w.append(task_event(key, 3, 2, status::failed_canceled)));
  must(w.append(workflow_event(key, event_type::workflow_status, status::running)));
  must(w.commit());
  tasks = must(r.tasks(key, {}, 10));
  CHECK(tasks[1].status == status::completed);
  CHECK(tasks[1].attempt->number == 1);
  CHECK(must(r.attempts(key, {1})).size() == 2);
  CHECK(must(r.task_result(key, {1})) == "\"of 1\"");
  groups = must(r.groups(key, {}, 10));
  CHECK(groups[1].times.running == at(110)); // Clocks begin anew.
  CHECK(groups[1].times.ended == at(120));
  event_query query;
  query.workflow = key;
  CHECK(must(r.events(query)).events.size() == whole_log(r).size());
}

TEST_CASE("a reopened task may end without another attempt, and be reopened again") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  const auto key = must(w.submit(sample(1))).key;
  must(w.append(task_event(key, 0, 0, status::processing)));
  must(w.append(task_event(key, 0, 0, status::rescheduled)));
  must(w.append(task_event(key, 0, 0, status::processing, 1)));
  must(w.append(task_event(key, 0, 0, status::failed, 1)));
  must(w.append(reopened(key, 0, 0)));
  const auto end = GENERATE(status::failed_upstream, status::skipped, status::failed_canceled);
  must(w.append(task_event(key, 0, 0, end, GENERATE(0U, 1U))));
  must(w.commit());
  auto r = must(reader::open(state.directory()));
  CHECK(must(r.task(key, "one")).status == end);
  CHECK(must(r.task(key, "one")).ended == at(1));
  CHECK(must(r.task(key, "one")).attempt->status == status::failed);
  CHECK(must(r.groups(key, {}, 1))[0].status == end);
  must(w.append(reopened(key, 0, 0)));
  must(w.append(task_event(key, 0, 0, status::processing, 2)));
  must(w.append(task_event(key, 0, 0, status::completed, 2)));
  must(w.commit());
  const auto attempts = must(r.attempts(key, {0}));
  REQUIRE(attempts.size() == 3);
  CHECK(attempts[1].status == status::failed);
  CHECK(attempts[2].status == status::completed);
}

TEST_CASE("a batch with a refusal undoes what it reopened") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  const auto key = must(w.submit(sample(2))).key;
  must(w.append(task_event(key, 0, 0, status::processing)));
  auto end = task_event(key, 0, 0, status::completed);
  end.result = "7";
  must(w.append(end));
  must(w.append(task_event(key, 1, 1, status::failed_upstream)));
  must(w.append(workflow_event(key, event_type::workflow_status, status::failed)));
  must(w.commit());
  const auto before = all_rows(state.directory());
  std::vector<event> batch{retried(key), reopened(key, 0, 0), reopened(key, 1, 1), reopened(key, 1, 1)};
  CHECK(code_of(w.append(batch)) == ec::conflict);
  must(w.commit());
  CHECK(all_rows(state.directory()) == before);
  batch.pop_back();
  must(w.append(batch));
  must(w.commit());
  CHECK(all_rows(state.directory()) != before);
}

TEST_CASE("whatever was lost with a crash, the same events give the same rows") {
  // Two stores get the same random events, good and bad. One commits each for itself and forgets what it holds in
  // memory; the other gathers them, and now and then loses a transaction, whose events are then told again.
  const auto seed = GENERATE(range(1U, 25U));
  INFO("seed " << seed);
  std::mt19937 random{seed};
  const auto pick = [&random](std::uint32_t n) { return static_cast<std::uint32_t>(random() % n); };
  const temporary_state careful_state;
  const temporary_state hasty_state;
  auto careful = must(writer::open(careful_state.directory()));
  auto hasty = must(writer::open(hasty_state.directory()));
  const auto key = must(careful.submit(sample(2, 2))).key;
  must(hasty.submit(sample(2, 2)));
  must(careful.commit());
  must(hasty.commit());

  constexpr std::array statuses{status::waiting, status::processing, status::initializing,
                                status::running, status::completed,  status::rescheduled,
                                status::skipped, status::failed,     status::failed_upstream};
  constexpr std::array ends{status::completed, status::failed, status::failed_canceled};
  std::vector<event> since_commit;
  for (std::int64_t i = 0; i < 400; ++i) {
    const auto task = pick(4);
    const auto group = std::min(task, 2U);
    event x;
    switch (pick(12)) {
      case 0: x = retried(key); break;
      case 1:
      case 2: x = reopened(key, task, group); break;
      case 3: x = group_reopened(key, 2); break;
      case 4: x = group_event(key, 2, statuses[pick(statuses.size())]); break;
      case 5:
        x = workflow_event(key, event_type::workflow_status, pick(4) == 0 ? ends[pick(ends.size())] : status::running);
        break;
      case 6: x = workflow_event(key, event_type::workflow_cancel_requested, status::unspecified, "no"); break;
      default: x = task_event(key, task, group, statuses[pick(statuses.size())], pick(4));
    }
    x.time = at(i + 2);
    if (x.type == event_type::task_status && is_group_finished(x.status) && x.status != status::skipped && pick(2) == 0)
      x.result = std::to_string(i);
    const auto said = code_of(careful.append(x));
    must(careful.commit());
    if (pick(40) == 0) {
      { const auto closed = std::move(careful); }
      careful = must(writer::open(careful_state.directory()));
    }
    REQUIRE(code_of(hasty.append(x)) == said);
    since_commit.push_back(x);
    if (pick(15) == 0) {
      hasty.rollback();
      for (const auto& again : since_commit)
        static_cast<void>(hasty.append(again));
    }
    if (pick(10) == 0) {
      must(hasty.commit());
      since_commit.clear();
    }
  }
  must(hasty.commit());
  CHECK(all_rows(careful_state.directory()) == all_rows(hasty_state.directory()));
}
