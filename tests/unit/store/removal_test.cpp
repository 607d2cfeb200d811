#include "fixture.hpp"

#include "store/sqlite.hpp"

#include <set>

using namespace muster;
using namespace muster::store;

namespace {

/// Runs a workflow of `sample` to its end: every task COMPLETED, with a result.
workflow_key finish(writer& w, std::uint32_t alone, std::uint32_t together = 0, const std::string& name = "flow") {
  auto x = sample(alone, together, name);
  x.user = "ada";
  const auto key = must(w.submit(x)).key;
  for (std::uint32_t i = 0; i < alone + together; ++i) {
    const auto group = std::min(i, alone);
    must(w.append(task_event(key, i, group, status::processing)));
    must(w.append(task_event(key, i, group, status::rescheduled)));
    must(w.append(task_event(key, i, group, status::processing, 1)));
    auto end = task_event(key, i, group, status::completed, 1);
    end.result = "1";
    must(w.append(end));
  }
  must(w.append(workflow_event(key, event_type::workflow_status, status::completed)));
  must(w.commit());
  return key;
}

/// Rows of every table that belongs to workflows, but for their events.
std::int64_t rows_left(const state_directory& where) {
  auto db = must(sqlite::connection::open(where.database(), sqlite::mode::read));
  std::int64_t count = 0;
  for (const char* table :
       {"workflow", "workflow_spec", "workflow_flow", "workflow_label", "task_group", "group_upstream", "task",
        "task_text", "task_result", "attempt", "cache", "cache_note", "removed_workflow"})
    count += must(db.number(std::string{"SELECT count(*) FROM "} + table, "counting"));
  return count;
}

cache_change served_by(workflow_key key) {
  cache_change x;
  x.put.push_back({"key", "one", key, {0}, 1, false, "[]", at(1)});
  x.notes.push_back({key, {0}, "key", "run: nothing like it"});
  return x;
}

} // namespace

TEST_CASE("a deleted workflow is gone at once, and its event is the last of it") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  const auto key = finish(w, 2, 3);
  must(w.change_cache(served_by(key)));
  const auto other = finish(w, 1, 0, "other");
  auto r = must(reader::open(state.directory()));
  const auto before = must(r.latest());
  const auto fact = must(w.remove_workflow(key, "by ada", at(9)));
  CHECK(fact.seq.value == before.value + 1);
  CHECK(fact.type == event_type::workflow_deleted);
  CHECK(must(r.workflow(key)).id == "flow-1"); // Not before the commit.
  must(w.commit());
  CHECK(code_of(r.workflow(key)) == ec::not_found);
  CHECK(code_of(r.workflow("flow-1")) == ec::not_found);
  CHECK(code_of(r.spec_text(key)) == ec::not_found);
  CHECK_FALSE(must(r.has_workflow("flow-1")));
  CHECK_FALSE(must(r.cached("key")));
  CHECK(must(r.workflows({})).size() == 1);
  workflow_query labelled;
  labelled.labels = {{"team", "a"}};
  CHECK(must(r.workflows(labelled)).size() == 1);

  // Its events stay, with all names.
  event_query query;
  query.workflow = key;
  const auto page = must(r.events(query));
  CHECK(page.events.size() == 2 + 4 * 5 + 1);
  for (const auto& x : page.events) {
    CHECK(x.workflow == "flow-1");
    CHECK(x.user == "ada");
    if (is_of_task(x.fact.type))
      CHECK_FALSE(x.task.empty());
  }
  CHECK(page.events.back().fact.type == event_type::workflow_deleted);
  CHECK(page.events.back().fact.text == "by ada");

  // Nothing can happen to it any more, and its id is not used again.
  CHECK(code_of(w.append(workflow_event(key, event_type::workflow_retried))) == ec::not_found);
  CHECK(code_of(w.append(task_event(key, 0, 0, status::running, 1))) == ec::not_found);
  CHECK(code_of(w.remove_workflow(key, "again")) == ec::not_found);
  CHECK(must(w.submit(sample(1))).id == "flow-2");
  CHECK(must(r.workflow(other)).tasks == 1);
}

TEST_CASE("the file of the store becomes smaller when what filled it is removed") {
  const temporary_state state;
  const auto size = [&] { return std::filesystem::file_size(state.directory().database()); };
  const std::string text(8U << 20U, 'x');
  {
    auto w = must(writer::open(state.directory()));
    for (int i = 0; i < 4; ++i) {
      auto x = sample(1);
      x.spec_text = text;
      const auto key = must(w.submit(x)).key;
      must(w.append(task_event(key, 0, 0, status::failed_canceled)));
      must(w.append(workflow_event(key, event_type::workflow_status, status::failed_canceled)));
      must(w.commit());
    }
  }
  const auto largest = size();
  CHECK(largest > 32U << 20U);
  {
    auto w = must(writer::open(state.directory()));
    for (std::int64_t key = 1; key <= 3; ++key)
      must(w.remove_workflow({key}, ""));
    must(w.commit());
    std::size_t pieces = 0;
    for (; must(w.sweep(1000)); ++pieces)
      must(w.commit());
    must(w.commit());
    CHECK(pieces > 10); // Others had their turn in between.
  }
  CHECK(size() < largest / 2);
  CHECK(size() > 8U << 20U);
  CHECK(must(must(reader::open(state.directory())).spec_text({4})) == text);
}

TEST_CASE("only what has finished is deleted") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  const auto key = must(w.submit(sample(1))).key;
  CHECK(code_of(w.remove_workflow(key, "")) == ec::conflict);
  CHECK(code_of(w.remove_workflow({99}, "")) == ec::not_found);
  event bare = workflow_event(key, event_type::workflow_deleted);
  CHECK(code_of(w.append(bare)) == ec::invalid_argument);
  // Its end counts though it is not committed yet.
  must(w.append(workflow_event(key, event_type::workflow_status, status::failed)));
  must(w.remove_workflow(key, ""));
  must(w.commit());
  CHECK(must(must(reader::open(state.directory())).workflows({})).empty());
}

TEST_CASE("a deletion that is rolled back did not happen") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  const auto key = finish(w, 1);
  const auto last = w.latest();
  must(w.remove_workflow(key, ""));
  w.rollback();
  CHECK(w.latest() == last);
  auto r = must(reader::open(state.directory()));
  CHECK(must(r.workflow(key)).id == "flow-1");
  CHECK(must(w.remove_workflow(key, "")).seq.value == last.value + 1);
}

TEST_CASE("what is deleted is removed piece by piece, and a restart goes on with it") {
  const temporary_state state;
  std::optional<writer> w{must(writer::open(state.directory()))};
  const auto key = finish(*w, 40, 20);
  must(w->change_cache(served_by(key)));
  must(w->remove_workflow(key, ""));
  must(w->commit());
  auto left = rows_left(state.directory());
  int pieces = 0;
  bool more = true;
  while (more) {
    if (pieces % 3 == 0) {
      w.reset();
      w.emplace(must(writer::open(state.directory())));
    }
    more = must(w->sweep(16));
    must(w->commit());
    const auto now = rows_left(state.directory());
    REQUIRE(left - now <= 16);
    left = now;
    REQUIRE(++pieces < 1000);
  }
  CHECK(pieces > 5);
  // Names are needed as long as there are events.
  auto r = must(reader::open(state.directory()));
  CHECK(left == 40 + 20 + 41 + 1);
  CHECK(whole_log(r).back().workflow == "flow-1");
  must(w->compact(w->latest(), 1'000'000));
  must(w->commit());
  while (must(w->sweep(16)))
    must(w->commit());
  must(w->commit());
  CHECK(rows_left(state.directory()) == 0);
}

TEST_CASE("events are removed from the front, and numbers go on") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  finish(w, 5);
  auto r = must(reader::open(state.directory()));
  const auto last = must(r.latest()).value;
  CHECK(must(w.compact({10}, 4)) == 4);
  CHECK(must(w.compact({10}, 100)) == 6);
  CHECK(must(w.compact({10}, 100)) == 0);
  must(w.commit());
  CHECK(must(r.earliest()) == sequence{11});
  CHECK(must(r.latest()).value == last);
  event_query query;
  query.after = {9};
  CHECK(code_of(r.events(query)) == ec::not_found);
  query.after = {10};
  CHECK(must(r.events(query)).events.front().fact.seq == sequence{11});
  // Not what is not durable yet.
  const auto key = must(w.submit(sample(1))).key;
  CHECK(must(w.compact({last + 5}, 1000)) == last - 10);
  must(w.commit());
  CHECK(must(r.earliest()).value == last + 1);
  CHECK(must(r.latest()).value == last + 1);
  must(w.append(workflow_event(key, event_type::workflow_status, status::failed)));
  must(w.compact({last + 9}, 1000));
  must(w.commit());
  CHECK(must(r.latest()).value == last + 2);
}

TEST_CASE("an empty log keeps its numbers over a restart") {
  const temporary_state state;
  {
    auto w = must(writer::open(state.directory()));
    finish(w, 1);
    must(w.compact(w.latest(), 1000));
    must(w.commit());
  }
  auto w = must(writer::open(state.directory()));
  const auto last = w.latest();
  CHECK(last.value > 0);
  CHECK(must(w.submit(sample(1))).fact.seq.value == last.value + 1);
}

TEST_CASE("finished workflows are listed for retention, the oldest first") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  const auto first = finish(w, 1, 0, "a");
  const auto second = must(w.submit(sample(1))).key;
  auto end = workflow_event(second, event_type::workflow_status, status::failed);
  end.time = at(0);
  must(w.append(end));
  must(w.submit(sample(1)));
  must(w.commit());
  auto r = must(reader::open(state.directory()));
  auto list = must(r.finished(10));
  REQUIRE(list.size() == 2);
  CHECK(list[0].key == second);
  CHECK(list[1].id == "a-1");
  CHECK(must(r.unmeasured(10)).size() == 2);
  must(w.change_service(workflow_measured{first, 100}));
  must(w.commit());
  CHECK(must(r.unmeasured(10)).size() == 1);
  CHECK(must(r.totals()).count == 2);
  CHECK(must(r.totals()).bytes == 100);
  CHECK(must(r.has_workflow("flow-1")));
  CHECK_FALSE(must(r.has_workflow("flow-01")));
  CHECK_FALSE(must(r.has_workflow("flow")));
}

TEST_CASE("the last event before a time is found") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  const auto key = must(w.submit(sample(1))).key;
  for (int i = 1; i <= 50; ++i) {
    auto x = workflow_event(key, event_type::workflow_resumed);
    x.time = at(i * 10);
    must(w.append(x));
  }
  must(w.commit());
  auto r = must(reader::open(state.directory()));
  CHECK(must(r.last_before(at(-5))) == sequence{0});
  CHECK(must(r.last_before(at(205))) == sequence{21});
  CHECK(must(r.last_before(at(9999))) == sequence{51});
  must(w.compact({30}, 1000));
  must(w.commit());
  CHECK(must(r.last_before(at(205))) == sequence{30});
}

TEST_CASE("what goes by age, number and size is counted from the oldest") {
  std::vector<finished_workflow> oldest;
  for (int i = 0; i < 5; ++i)
    oldest.push_back({{i + 1}, "w", at(i), 10});
  const finished_totals all{5, 50};
  retention_policy p;
  CHECK(count_expired(p, all, oldest, at(1000)) == 0);
  p.workflow_age = duration{997};
  CHECK(count_expired(p, all, oldest, at(1000)) == 3);
  p.workflow_age = {};
  p.workflow_count = 4;
  CHECK(count_expired(p, all, oldest, at(1000)) == 1);
  p.workflow_bytes = 15;
  CHECK(count_expired(p, all, oldest, at(1000)) == 4);
  // What is not on this page is on the next.
  CHECK(count_expired(p, {500, 5000}, oldest, at(1000)) == 5);

  CHECK(last_expired({}, {100}, {40}) == sequence{0});
  retention_policy e;
  e.event_age = duration{1};
  CHECK(last_expired(e, {100}, {40}) == sequence{40});
  e.event_count = 30;
  CHECK(last_expired(e, {100}, {40}) == sequence{70});
  e.event_count = 200;
  CHECK(last_expired(e, {100}, {400}) == sequence{100});
}

TEST_CASE("by size the workflow that ended last never goes") {
  retention_policy p;
  p.workflow_bytes = 100;
  const std::vector<finished_workflow> all{{{1}, "a-1", {}, 10}, {{2}, "a-2", {}, 500}};
  CHECK(count_expired(p, {2, 510}, all, {}) == 1);
  CHECK(count_expired(p, {1, 500}, {all[1]}, {}) == 0);
}

TEST_CASE("a clock that leaps is not believed for an hour, nor is one long after the last event") {
  using std::chrono::hours;
  using std::chrono::minutes;
  const timestamp noon{std::chrono::duration_cast<duration>(hours{500'000})};
  const clock_judge::steady_time begin{hours{10}};
  {
    clock_judge x;
    CHECK(x.believes(noon, begin, noon - hours{2}));
    CHECK(x.believes(noon + minutes{5}, begin + minutes{5}, noon));
    CHECK_FALSE(x.believes(noon + hours{24 * 31}, begin + minutes{10}, noon)); // Somebody has set it.
    CHECK_FALSE(x.believes(noon + hours{24 * 31} + minutes{30}, begin + minutes{40}, noon));
    CHECK(x.believes(noon + hours{24 * 31} + minutes{61}, begin + minutes{71}, noon));
    CHECK_FALSE(x.believes(noon, begin + minutes{75}, noon)); // And back.
  }
  clock_judge late;
  CHECK_FALSE(late.believes(noon, begin, noon - hours{24 * 40}));
  CHECK(late.believes(noon + hours{1}, begin + hours{1}, noon - hours{24 * 40}));
  clock_judge behind;
  CHECK(behind.believes(noon, begin, noon + hours{24 * 40}));
}
