#include "fixture.hpp"

#include "store/schema.hpp"
#include "store/sqlite.hpp"

#include "muster/store/results.hpp"

using namespace muster;
using namespace muster::store;

namespace {

/// A workflow without groups that may grow.
submission base() {
  submission x = sample(0);
  x.flow = R"({"steps":[]})";
  return x;
}

/// `count` groups of one, numbered from these on; each waits for the group before.
growth chunk(workflow_key key, std::uint32_t first_group, std::uint32_t first_task, std::uint32_t count,
             std::string_view body = "{}") {
  growth x;
  x.workflow = key;
  x.first_group = {first_group};
  x.first_task = {first_task};
  for (std::uint32_t i = 0; i < count; ++i) {
    const group_index g{first_group + i};
    const auto upstream =
        g.value == 0 ? std::vector<group_index>{} : std::vector<group_index>{group_index{g.value - 1}};
    x.groups.push_back({"step", true, true, upstream, status::waiting});
    x.tasks.push_back({"step", g, true, "{\"cpu\":1}", body, status::waiting});
  }
  return x;
}

std::int64_t texts_in(const state_directory& where) {
  auto db = must(sqlite::connection::open(where.database(), sqlite::mode::read));
  return must(db.number("SELECT count(*) FROM task_text", "counting"));
}

} // namespace

TEST_CASE("a workflow that grows is stored without groups") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  CHECK(code_of(w.submit(sample(0))) == ec::invalid_argument);
  const auto key = must(w.submit(base())).key;
  must(w.commit());
  auto r = must(reader::open(state.directory()));
  CHECK(must(r.flow(key)) == R"({"steps":[]})");
  CHECK(code_of(r.flow({99})) == ec::not_found);
  const auto row = must(r.workflow("flow-1"));
  CHECK(row.groups == 0);
  CHECK(row.tasks == 0);
  CHECK(row.status == status::pending);
  CHECK(must(r.workflows({})).size() == 1);
  CHECK(must(r.groups(key, {}, 10)).empty());
  CHECK(must(r.tasks(key, {}, 10)).empty());
  CHECK(must(r.task_counts(key)).empty());
  CHECK(code_of(r.task(key, "step")) == ec::not_found);
}

TEST_CASE("rows that come later are like those that came first") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  const auto key = must(w.submit(base())).key;
  must(w.grow(chunk(key, 0, 0, 2)));
  SECTION("in one transaction") {
    must(w.grow(chunk(key, 2, 2, 1)));
  }
  SECTION("in another one") {
    must(w.commit());
    must(w.grow(chunk(key, 2, 2, 1)));
  }
  SECTION("by another writer") {
    must(w.commit());
    { const auto closed = std::move(w); }
    w = must(writer::open(state.directory()));
    must(w.grow(chunk(key, 2, 2, 1)));
  }
  auto gang = growth{key, {3}, {3}, {}, {}};
  gang.groups.push_back({"gang", false, false, {{0}, {2}}, status::waiting});
  for (std::uint32_t i = 0; i < 3; ++i)
    gang.tasks.push_back({"member", {3}, i == 1, "{\"cpu\":2}", "{\"n\":1}", status::waiting});
  must(w.grow(gang));
  must(w.append(task_event(key, 2, 2, status::processing)));
  must(w.append(group_event(key, 3, status::processing)));
  must(w.commit());

  auto r = must(reader::open(state.directory()));
  const auto row = must(r.workflow("flow-1"));
  CHECK(row.groups == 4);
  CHECK(row.tasks == 6);
  const auto groups = must(r.groups(key, {}, 10));
  REQUIRE(groups.size() == 4);
  CHECK(groups[3].first_task == task_index{3});
  CHECK(groups[3].tasks == 3);
  CHECK(groups[3].status == status::processing);
  CHECK(groups[2].status == status::processing);
  CHECK(must(r.upstream(key, {3})) == std::vector<group_index>{{0}, {2}});
  CHECK(must(r.has_flow(key)));
  CHECK_FALSE(must(r.has_flow({99})));
  const auto tasks = must(r.tasks(key, {}, 10));
  REQUIRE(tasks.size() == 6);
  CHECK(tasks[4].lead);
  CHECK(tasks[4].group == group_index{3});
  const auto bodies = must(r.bodies(key, {2}, 10));
  REQUIRE(bodies.size() == 4);
  CHECK(bodies[0].request == "{\"cpu\":1}");
  CHECK(bodies[0].body == "{}");
  CHECK(bodies[1].request == "{\"cpu\":2}");
  CHECK(bodies[3].body == "{\"n\":1}");
  // Growth is no event: the log has the submission and the two changes.
  CHECK(whole_log(r).size() == 3);
}

TEST_CASE("a growth that does not fit is refused, and the transaction goes on") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  const auto key = must(w.submit(base())).key;
  must(w.grow(chunk(key, 0, 0, 2)));
  CHECK(code_of(w.grow(chunk(key, 0, 0, 2))) == ec::conflict); // Said twice.
  CHECK(code_of(w.grow(chunk(key, 3, 2, 1))) == ec::conflict);
  CHECK(code_of(w.grow(chunk(key, 2, 3, 1))) == ec::conflict);
  CHECK(code_of(w.grow(chunk({9}, 0, 0, 1))) == ec::not_found);
  CHECK(code_of(w.grow(chunk(key, 2, 2, 0))) == ec::invalid_argument);
  auto x = chunk(key, 2, 2, 2);
  SECTION("a task of a group that was there before") {
    x.tasks[0].group = {1};
  }
  SECTION("a group without a task") {
    x.tasks.pop_back();
  }
  SECTION("a group that waits for one that is not there") {
    x.groups[0].upstream = {{4}};
  }
  SECTION("a group that waits for itself") {
    x.groups[0].upstream = {{2}};
  }
  CHECK(code_of(w.grow(x)) == ec::invalid_argument);
  CHECK(code_of(w.grow(chunk(key, 0xfffffff0, 0xfffffff0, 1))) == ec::limit_exceeded);
  must(w.grow(chunk(key, 2, 2, 1)));
  must(w.append(workflow_event(key, event_type::workflow_status, status::completed)));
  CHECK(code_of(w.grow(chunk(key, 3, 3, 1))) == ec::conflict);
  must(w.commit());
  auto r = must(reader::open(state.directory()));
  CHECK(must(r.workflow(key)).groups == 3);
  CHECK(must(r.groups(key, {}, 10)).size() == 3);
}

TEST_CASE("what grew in a transaction that was lost did not grow") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  const auto key = must(w.submit(base())).key;
  must(w.grow(chunk(key, 0, 0, 1, "{\"body\":1}")));
  must(w.commit());
  must(w.grow(chunk(key, 1, 1, 5, "{\"body\":2}")));
  w.rollback();
  CHECK(code_of(w.grow(chunk(key, 6, 6, 1))) == ec::conflict);
  must(w.grow(chunk(key, 1, 1, 2, "{\"body\":3}")));
  must(w.grow(chunk(key, 3, 3, 1, "{\"body\":2}")));
  must(w.commit());
  auto r = must(reader::open(state.directory()));
  const auto bodies = must(r.bodies(key, {}, 10));
  REQUIRE(bodies.size() == 4);
  CHECK(bodies[0].body == "{\"body\":1}");
  CHECK(bodies[2].body == "{\"body\":3}");
  CHECK(bodies[3].body == "{\"body\":2}");
}

TEST_CASE("chunks with the same texts share them") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  const auto key = must(w.submit(base())).key;
  for (std::uint32_t i = 0; i < 50; ++i)
    must(w.grow(chunk(key, i, i, 1, i % 2 == 0 ? "{\"even\":1}" : "{\"odd\":1}")));
  must(w.commit());
  CHECK(texts_in(state.directory()) == 3);
  auto r = must(reader::open(state.directory()));
  const auto bodies = must(r.bodies(key, {}, 100));
  REQUIRE(bodies.size() == 50);
  for (const auto& x : bodies) {
    CHECK(x.body == (x.index.value % 2 == 0 ? "{\"even\":1}" : "{\"odd\":1}"));
    CHECK(x.request == "{\"cpu\":1}");
  }
}

TEST_CASE("more texts than are remembered are stored all the same") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  const auto key = must(w.submit(base())).key;
  std::vector<std::string> texts;
  for (std::uint32_t i = 0; i < 300; ++i)
    texts.push_back("{\"n\":" + std::to_string(i % 150) + ",\"text\":\"" + std::string(i % 7 * 1000, 'x') + "\"}");
  for (std::uint32_t i = 0; i < texts.size(); ++i)
    must(w.grow(chunk(key, i, i, 1, texts[i])));
  must(w.commit());
  auto r = must(reader::open(state.directory()));
  const auto bodies = must(r.bodies(key, {}, 1000));
  REQUIRE(bodies.size() == texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i)
    REQUIRE(bodies[i].body == texts[i]);
}

TEST_CASE("a task's result is durable with its end") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  const auto key = must(w.submit(sample(4))).key;
  const auto end = [&](std::uint32_t task, status s, std::string text) {
    must(w.append(task_event(key, task, task, status::processing)));
    auto x = task_event(key, task, task, s);
    x.result = std::move(text);
    return w.append(std::move(x));
  };
  must(end(0, status::completed, R"({"accuracy":0.5})"));
  must(end(2, status::failed, R"("partial")"));
  must(end(1, status::completed, ""));
  must(w.commit());
  must(end(3, status::completed, "1"));
  w.rollback();
  auto r = must(reader::open(state.directory()));
  CHECK(must(r.task_result(key, {0})) == R"({"accuracy":0.5})");
  CHECK_FALSE(must(r.task_result(key, {1})));
  CHECK(must(r.task_result(key, {2})) == R"("partial")");
  CHECK_FALSE(must(r.task_result(key, {3})));
  CHECK_FALSE(must(r.task_result(key, {77})));
  for (const auto& x : whole_log(r))
    CHECK(x.fact.result.empty());

  const auto all = must(r.task_results(key, {}, 10));
  REQUIRE(all.results.size() == 2);
  CHECK(all.at_end);
  CHECK(all.results[1].index == task_index{2});
  const auto first = must(r.task_results(key, {}, 1));
  REQUIRE(first.results.size() == 1);
  CHECK_FALSE(first.at_end);
  CHECK(first.next == task_index{1});
  const auto second = must(r.task_results(key, first.next, 1));
  REQUIRE(second.results.size() == 1);
  CHECK(second.at_end);
  CHECK(second.results[0].text == R"("partial")");
}

TEST_CASE("pages of large results are short") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  const auto key = must(w.submit(sample(12))).key;
  for (std::uint32_t i = 0; i < 12; ++i) {
    must(w.append(task_event(key, i, i, status::processing)));
    auto x = task_event(key, i, i, status::completed);
    x.result = '"' + std::string(1'000'000, 'x') + '"';
    must(w.append(std::move(x)));
  }
  must(w.commit());
  auto r = must(reader::open(state.directory()));
  std::size_t seen = 0;
  std::size_t pages = 0;
  for (task_index next;; ++pages) {
    const auto page = must(r.task_results(key, next, 100));
    seen += page.results.size();
    CHECK(page.results.size() < 12);
    if (page.at_end)
      break;
    next = page.next;
  }
  CHECK(seen == 12);
  CHECK(pages == 1);
}

TEST_CASE("a result is refused where there is no end") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  const auto key = must(w.submit(sample(1, 2))).key;
  must(w.append(task_event(key, 0, 0, status::processing)));
  const auto with = [](event x, std::string text = "1") {
    x.result = std::move(text);
    return x;
  };
  CHECK(code_of(w.append(with(task_event(key, 0, 0, status::running)))) == ec::invalid_argument);
  CHECK(code_of(w.append(with(task_event(key, 0, 0, status::rescheduled)))) == ec::invalid_argument);
  CHECK(code_of(w.append(with(task_event(key, 1, 1, status::skipped)))) == ec::invalid_argument);
  CHECK(code_of(w.append(with(group_event(key, 1, status::completed)))) == ec::invalid_argument);
  CHECK(code_of(w.append(with(workflow_event(key, event_type::workflow_status, status::completed)))) ==
        ec::invalid_argument);
  const auto end = task_event(key, 0, 0, status::completed);
  CHECK(code_of(w.append(with(end, std::string(max_result_bytes + 1, '1')))) == ec::limit_exceeded);
  must(w.append(with(end, std::string(max_result_bytes, '1'))));
  must(w.commit());
}

TEST_CASE("a task that was never begun may be skipped") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  const auto key = must(w.submit(sample(2, 2))).key;
  auto skip = task_event(key, 0, 0, status::skipped);
  skip.text = "when: {{x}} is false";
  must(w.append(skip));
  must(w.append(task_event(key, 1, 1, status::processing)));
  CHECK(code_of(w.append(task_event(key, 1, 1, status::skipped))) == ec::conflict);
  CHECK(code_of(w.append(task_event(key, 0, 0, status::processing))) == ec::conflict);
  CHECK(code_of(w.append(workflow_event(key, event_type::workflow_status, status::skipped))) == ec::invalid_argument);
  must(w.append(task_event(key, 2, 2, status::skipped)));
  must(w.append(task_event(key, 3, 2, status::skipped)));
  must(w.append(group_event(key, 2, status::skipped)));
  must(w.commit());
  auto r = must(reader::open(state.directory()));
  const auto tasks = must(r.tasks(key, {}, 10));
  CHECK(tasks[0].status == status::skipped);
  CHECK(tasks[0].reason == "when: {{x}} is false");
  CHECK(tasks[0].ended == at(1));
  CHECK_FALSE(tasks[0].attempt);
  const auto groups = must(r.groups(key, {}, 10));
  CHECK(groups[0].status == status::skipped);
  CHECK(groups[2].status == status::skipped);
  CHECK(groups[2].times.ended == at(1));
  CHECK(must(r.task_counts(key)) ==
        std::vector<std::pair<status, std::uint64_t>>{{status::processing, 1}, {status::skipped, 3}});
}

TEST_CASE("results that are wanted all at once are bounded") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  constexpr std::uint32_t tasks = 68;
  const auto key = must(w.submit(sample(tasks))).key;
  for (std::uint32_t i = 0; i < tasks; ++i) {
    must(w.append(task_event(key, i, i, status::processing)));
    auto x = task_event(key, i, i, status::completed);
    x.result = '"' + std::string(1'000'000, 'x') + '"';
    must(w.append(std::move(x)));
    must(w.commit());
  }
  auto r = must(reader::open(state.directory()));
  std::size_t bytes = 0;
  const auto count = [&](const task_result_record& x) { bytes += x.text.size(); };
  CHECK_FALSE(must(read_results(
      r, key, [](task_index) { return true; }, count)));
  CHECK(bytes <= most_result_bytes);
  bytes = 0;
  CHECK(must(read_results(
      r, key, [](task_index x) { return x.value >= 8; }, count)));
  CHECK(bytes == 60 * 1'000'002);
}
