#include "actor_fixture.hpp"

#include "actors/runtime.hpp"
#include "executors/null/null_driver.hpp"
#include "muster/spec/flow.hpp"
#include "muster/store/reader.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <algorithm>
#include <map>

using namespace muster;
using namespace muster::test;
using namespace std::chrono_literals;

namespace {

std::chrono::steady_clock::time_point deadline() {
  return std::chrono::steady_clock::now() + 60s;
}

std::unique_ptr<runtime> begin(const std::filesystem::path& state, bool take_cached = true) {
  runtime_config config;
  config.state_directory = state;
  config.pools.push_back({"local", make_null_driver()});
  config.take_cached = take_cached;
  auto made = runtime::start(std::move(config));
  if (!made)
    FAIL(made.failure().message);
  return std::move(*made);
}

using variables = std::vector<std::pair<std::string, std::string>>;

spec::step cached_step(const std::string& name, const variables& environment, const std::string& key = {}) {
  auto t = make_task(name);
  t.environment = environment;
  spec::step x;
  x.name = name;
  x.body = make_group(name + "-group", {t});
  x.cache = key;
  return x;
}

spec::workflow flow_of(std::vector<spec::step> steps) {
  spec::workflow w;
  w.name = "wf";
  w.resources["default"] = {};
  spec::scope whole;
  whole.steps = std::move(steps);
  w.flow = std::make_shared<const spec::scope>(std::move(whole));
  return w;
}

workflow_key play(runtime& r, const spec::workflow& w, status end = status::completed) {
  const auto who = r.submit(w, {"text", "muster", "{}"});
  if (!who)
    FAIL(who.failure().message);
  CHECK(r.wait(who->key, deadline()) == end);
  return who->key;
}

store::reader open(const std::filesystem::path& state) {
  auto reader = store::reader::open(store::state_directory{state});
  REQUIRE(reader);
  return std::move(*reader);
}

store::task_record row(const std::filesystem::path& state, workflow_key key, const std::string& name) {
  auto found = open(state).task(key, name);
  if (!found)
    FAIL(found.failure().message);
  return *found;
}

/// What the cache said; a dash if it was not asked.
std::string said(const std::filesystem::path& state, workflow_key key, const std::string& name) {
  const auto task = row(state, key, name);
  const auto note = open(state).note_of_cache(key, task.index);
  REQUIRE(note);
  return *note ? (*note)->text : "-";
}

bool was_run(const std::filesystem::path& state, workflow_key key, const std::string& name) {
  const auto task = row(state, key, name);
  REQUIRE(task.attempt);
  return !task.attempt->node.empty();
}

} // namespace

TEST_CASE("a task that is the same as an earlier one has its result") {
  const temporary_folder state;
  auto r = begin(state.path());
  const auto w = flow_of({cached_step("train", {{"MUSTER_NULL_RESULT", "[1,2]"}})});
  const auto first = play(*r, w);
  CHECK(was_run(state.path(), first, "train"));
  CHECK(said(state.path(), first, "train") == "no earlier task is like it");
  if (GENERATE(true, false)) { // Also of an earlier runtime.
    r.reset();
    r = begin(state.path());
  }
  const auto second = play(*r, w);
  CHECK_FALSE(was_run(state.path(), second, "train"));
  const auto task = row(state.path(), second, "train");
  CHECK(task.status == status::completed);
  CHECK(task.reason == "cached: same as wf-1 train");
  auto reader = open(state.path());
  CHECK(*reader.task_result(second, task.index) == "[1,2]");

  const auto other = play(*r, flow_of({cached_step("train", {{"MUSTER_NULL_RESULT", "[3]"}})}));
  CHECK(was_run(state.path(), other, "train"));
  CHECK_THAT(said(state.path(), other, "train"),
             ContainsSubstring("different from wf-1 train: environment MUSTER_NULL_RESULT: [1,2] -> [3]"));
}

TEST_CASE("what another user's task gave is not had, nor is anything of it told") {
  const temporary_folder state;
  auto r = begin(state.path());
  const auto play_as = [&](const std::string& user, const std::string& result) {
    submission_info info{"text", "muster", "{}"};
    info.user = user;
    const auto who = r->submit(flow_of({cached_step("train", {{"MUSTER_NULL_RESULT", result}}, "same key")}), info);
    REQUIRE(who);
    CHECK(r->wait(who->key, deadline()) == status::completed);
    return who->key;
  };
  static_cast<void>(play_as("alice", "\"secret\""));
  const auto of_bob = play_as("bob", "1");
  CHECK(was_run(state.path(), of_bob, "train"));
  CHECK(said(state.path(), of_bob, "train") == "no earlier task is like it");
  CHECK_FALSE(was_run(state.path(), play_as("alice", "2"), "train"));
}

TEST_CASE("equal tasks at the same time share one run") {
  const temporary_folder state;
  auto r = begin(state.path());
  auto each = cached_step("t", {{"MUSTER_NULL_RESULT", "7"}, {"MUSTER_NULL_DURATION", "200ms"}}, "one for all");
  each.foreach = spec::foreach{};
  each.foreach->items = spec::each_of_range{0, 19, 1};
  const auto key = play(*r, flow_of({each}));
  int runs = 0;
  for (int i = 0; i < 20; ++i)
    runs += was_run(state.path(), key, "t." + std::to_string(i)) ? 1 : 0;
  CHECK(runs == 1);
  store::event_query query;
  query.workflow = key;
  query.limit = 10'000;
  const auto log = open(state.path()).events(query);
  REQUIRE(log);
  CHECK(std::any_of(log->events.begin(), log->events.end(),
                    [](const auto& x) { return x.fact.text.rfind("waiting for the same task in wf-1 t.", 0) == 0; }));
}

TEST_CASE("those that wait for one that fails run themselves") {
  const temporary_folder state;
  auto r = begin(state.path());
  auto each = cached_step("t", {{"MUSTER_NULL_EXIT", "3"}, {"MUSTER_NULL_DURATION", "20ms"}}, "key");
  each.foreach = spec::foreach{};
  each.foreach->items = spec::each_of_range{0, 4, 1};
  const auto key = play(*r, flow_of({each}), status::failed);
  for (int i = 0; i < 5; ++i) {
    CHECK(row(state.path(), key, "t." + std::to_string(i)).status == status::failed);
    CHECK(was_run(state.path(), key, "t." + std::to_string(i)));
  }
}

TEST_CASE("without the cache a task is run, and serves later ones") {
  const temporary_folder state;
  const auto w = flow_of({cached_step("t", {{"MUSTER_NULL_RESULT", "1"}})});
  auto r = begin(state.path());
  play(*r, w);
  r.reset();
  r = begin(state.path(), false);
  const auto second = play(*r, w);
  CHECK(was_run(state.path(), second, "t"));
  CHECK(said(state.path(), second, "t") == "--no-cache was given");
  r.reset();
  r = begin(state.path());
  const auto third = play(*r, w);
  CHECK(row(state.path(), third, "t").reason == "cached: same as wf-2 t");
}

TEST_CASE("what was run once more does not serve with what it gave before") {
  const temporary_folder state;
  auto r = begin(state.path());
  const auto w = flow_of({cached_step("t", {{"MUSTER_NULL_RESULT", "1"}})});
  const auto first = play(*r, w);
  REQUIRE(r->retry("wf-1", {"t"}));
  CHECK(r->wait(first, deadline()) == status::completed);
  CHECK(row(state.path(), first, "t").attempt->number == 1);
  CHECK(was_run(state.path(), first, "t"));
  const auto second = play(*r, w);
  CHECK(row(state.path(), second, "t").reason == "cached: same as wf-1 t");
}

TEST_CASE("a task that waits for its like can be canceled") {
  const temporary_folder state;
  auto r = begin(state.path());
  auto each = cached_step("t", {{"MUSTER_NULL_DURATION", "1h"}}, "key");
  each.foreach = spec::foreach{};
  each.foreach->items = spec::each_of_range{0, 9, 1};
  const auto who = r->submit(flow_of({each}), {"text", "muster", "{}"});
  REQUIRE(who);
  REQUIRE(r->cancel(who->key, "enough", true));
  CHECK(r->wait(who->key, deadline()) == status::failed_canceled);
}

TEST_CASE("a task is canceled while the cache looks for its like") {
  actor_fixture f;
  f.has_cache = true;
  f.begin(flow_of({cached_step("t", {}, "key")}));
  f.settle();
  REQUIRE(f.asking_cache() == 1);
  f.cancel(GENERATE(true, false));
  f.settle();
  CHECK(f.task_status("t") == status::failed_canceled);
  const auto verdict = GENERATE(cache_verdict::run, cache_verdict::take, cache_verdict::wait);
  f.answer_cache({verdict, "k", "said", "1"});
  CHECK(f.run_until_finished());
  CHECK(f.ended() == status::failed_canceled);
  CHECK(f.task_status("t") == status::failed_canceled);
  CHECK(f.calls().empty());
  // Others may wait for one that the cache lets run.
  CHECK(f.told_cache().size() == (verdict == cache_verdict::run ? 1 : 0));
}

TEST_CASE("the first failure of a map cancels elements whose like is looked for") {
  actor_fixture f;
  f.has_cache = true;
  f.behaviour = [](const std::string& name, std::uint32_t) {
    script x;
    x.exit_code = name == "t.0" ? 1 : 0;
    return x;
  };
  auto each = cached_step("t", {}, "key {{item}}");
  each.foreach = spec::foreach{};
  each.foreach->items = spec::each_of_range{0, 3, 1};
  each.foreach->fail_fast = true;
  f.begin(flow_of({each}));
  f.settle();
  REQUIRE(f.asking_cache() == 4);
  f.answer_cache({cache_verdict::run, "k0", "", ""});
  CHECK(f.run_until_finished());
  CHECK(f.task_status("t.0") == status::failed);
  for (const auto* name : {"t.1", "t.2", "t.3"})
    CHECK(f.task_status(name) == status::failed_canceled);
  while (f.asking_cache() > 0)
    f.answer_cache({cache_verdict::run, "k", "", ""});
  CHECK(f.told_cache().size() == 4);
  CHECK(f.ended() == status::failed);
}
