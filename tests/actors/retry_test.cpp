#include "actor_fixture.hpp"

#include "actors/runtime.hpp"
#include "executors/null/null_driver.hpp"
#include "muster/flow/retry.hpp"
#include "muster/plan/chunk_builder.hpp"
#include "muster/spec/flow.hpp"
#include "muster/store/reader.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <map>
#include <set>

using namespace muster;
using namespace muster::test;
using namespace std::chrono_literals;

namespace {

constexpr auto patience = 60s;

std::chrono::steady_clock::time_point deadline() {
  return std::chrono::steady_clock::now() + patience;
}

spec::step task_step(const std::string& name, const std::vector<std::string>& needs = {}) {
  spec::step x;
  x.name = name;
  x.body = make_group(name + "-group", {make_task(name)});
  x.needs = needs;
  return x;
}

/// split -> map (2 x (leaf x 3 -> sum)) -> end.
spec::workflow nested() {
  auto leaf = task_step("leaf");
  leaf.foreach = spec::foreach{};
  leaf.foreach->items = spec::each_of_range{0, 2, 1};
  spec::scope inner;
  inner.steps = {leaf, task_step("sum", {"leaf"})};
  spec::step map;
  map.name = "map";
  map.body = std::make_shared<const spec::scope>(std::move(inner));
  map.needs = {"split"};
  map.foreach = spec::foreach{};
  map.foreach->items = spec::each_of_result{"split"};
  spec::scope whole;
  whole.steps = {task_step("split"), map, task_step("end", {"map"})};
  spec::workflow w;
  w.name = "wf";
  w.resources["default"] = {};
  w.flow = std::make_shared<const spec::scope>(std::move(whole));
  return w;
}

std::set<std::string> started(const actor_fixture& f) {
  std::set<std::string> out;
  for (const auto& call : f.calls())
    if (call.rfind("start ", 0) == 0)
      CHECK(out.insert(call.substr(6)).second);
  return out;
}

/// What a later runtime reads of a run that has ended, with what is to be retried waiting again.
struct reopened_run {
  plan_ptr layout;
  restore_ptr restore = std::make_shared<workflow_restore>();
};

reopened_run reopen(const actor_fixture& f, const spec::workflow& what, const std::string& from) {
  static const auto plain = make_group("plain", {make_task("plain")});
  reopened_run out;
  auto& restore = *out.restore;
  restore.definition = std::make_shared<const spec::workflow>(what);
  std::map<std::uint32_t, event> ends;
  for (const auto& x : f.events())
    if (x.type == event_type::task_status && is_group_finished(x.status))
      ends[x.task.value] = x;
  std::vector<chunk_row> rows;
  std::vector<std::pair<std::string, flow::recorded_gang>> recorded;
  for (std::uint32_t g = 0; g < f.groups().size(); ++g) {
    const auto& end = ends.at(g);
    const bool is_step = f.groups()[g] == f.tasks()[g];
    rows.push_back({f.groups()[g], {f.tasks()[g]}, is_step ? nullptr : &plain});
    restore.groups.push_back(end.status);
    if (!end.result.empty())
      restore.results[g] = end.result;
    recorded.push_back({f.groups()[g],
                        {group_index{g},
                         end.status,
                         {end.result.empty() ? nullptr : std::make_shared<const std::string>(end.result)},
                         is_step}});
  }
  restore.attempts_from = std::make_shared<first_attempts>();
  const auto again = flow::gangs_to_retry(what.flow, recorded, from);
  REQUIRE(again);
  for (const auto g : *again) {
    restore.groups[g] = status::waiting;
    restore.results.erase(static_cast<std::uint32_t>(g));
    if (ends.at(static_cast<std::uint32_t>(g)).node.empty())
      continue; // It never ran: its first attempt is the first.
    (*restore.attempts_from)[static_cast<std::uint32_t>(g)] = 1;
  }
  auto built = chunk_builder{restore.definition}.build(rows, {}, {});
  REQUIRE(built);
  out.layout = std::make_shared<const plan>(std::move(*built));
  return out;
}

script behave(const std::string& task, std::uint32_t attempt) {
  script x;
  x.runs_for = 50ms;
  if (task == "split")
    x.result = "[5,6]";
  if (task == "map.1.leaf.2" && attempt == 0)
    x.exit_code = 3;
  return x;
}

} // namespace

TEST_CASE("a retried flow runs the element that failed and what hangs on it, under any schedule") {
  const auto what = nested();
  for (std::uint64_t seed = 0; seed < 25; ++seed) {
    INFO("seed " << seed);
    actor_fixture first{seed};
    first.behaviour = behave;
    first.begin(what);
    REQUIRE(first.run_until_finished());
    CHECK(first.ended() == status::failed);
    CHECK(first.task_status("map.1.sum") == status::failed_upstream);
    const auto rows = reopen(first, what, "");
    actor_fixture again{seed + 100};
    again.behaviour = behave;
    again.take_up_flow(what, rows.layout, rows.restore);
    REQUIRE(again.run_until_finished());
    CHECK(again.ended() == status::completed);
    CHECK(started(again) == std::set<std::string>{"map.1.leaf.2 1", "map.1.sum 0", "end 0"});
  }
}

TEST_CASE("a flow retried from a step that gives fewer elements has no use for the others") {
  const auto what = nested();
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    INFO("seed " << seed);
    actor_fixture first{seed};
    first.behaviour = [](const std::string& task, std::uint32_t) { return behave(task, 1); };
    first.begin(what);
    REQUIRE(first.run_until_finished());
    REQUIRE(first.ended() == status::completed);
    const auto rows = reopen(first, what, "split");
    actor_fixture again{seed};
    again.behaviour = [](const std::string& task, std::uint32_t attempt) {
      auto x = behave(task, attempt);
      if (task == "split")
        x.result = "[7]";
      return x;
    };
    again.take_up_flow(what, rows.layout, rows.restore);
    REQUIRE(again.run_until_finished());
    CHECK(again.ended() == status::completed);
    CHECK(started(again) == std::set<std::string>{"split 1", "map.0.leaf.0 1", "map.0.leaf.1 1", "map.0.leaf.2 1",
                                                  "map.0.sum 1", "end 1"});
    for (const auto* task : {"map.1.leaf.0", "map.1.leaf.1", "map.1.leaf.2", "map.1.sum"}) {
      CHECK(again.task_status(task) == status::skipped);
      CHECK_THAT(again.task_text(task), ContainsSubstring("no use"));
    }
  }
}

TEST_CASE("a retried flow that is canceled leaves nothing waiting") {
  const auto what = nested();
  actor_fixture first;
  first.behaviour = behave;
  first.begin(what);
  REQUIRE(first.run_until_finished());
  const auto rows = reopen(first, what, "split");
  actor_fixture again;
  again.behaviour = [](const std::string&, std::uint32_t) {
    script x;
    x.runs_for = -1ms;
    return x;
  };
  again.take_up_flow(what, rows.layout, rows.restore);
  again.settle();
  again.cancel(false);
  REQUIRE(again.run_until_finished());
  CHECK(again.ended() == status::failed_canceled);
  for (const auto& task : first.tasks())
    CHECK(again.task_status(task) == status::failed_canceled);
}

TEST_CASE("the runtime retries a workflow under its id, as often as is asked") {
  const temporary_folder state;
  const auto begin = [&state] {
    runtime_config config;
    config.state_directory = state.path();
    config.pools.push_back({"local", make_null_driver()});
    auto made = runtime::start(std::move(config));
    if (!made)
      FAIL(made.failure().message);
    return std::move(*made);
  };
  auto b = make_task("b", {"a"});
  b.environment.emplace_back("MUSTER_NULL_EXIT", "1,1,0");
  auto w = make_workflow({make_task("a"), b, make_task("c", {"b"}), make_task("d")});
  w.groups.push_back(make_group("gang", {make_task("lead", {"c"}), make_task("two")}));
  auto r = begin();
  const auto who = r->submit(w, {"text", "muster", "{}"});
  REQUIRE(who);
  CHECK(r->wait(who->key, deadline()) == status::failed);

  CHECK(r->retry("wf-2", {}).failure().code == ec::not_found);
  const auto unknown = r->retry(who->id, {"lad"});
  REQUIRE_FALSE(unknown);
  CHECK(unknown.failure().code == ec::not_found);
  CHECK_THAT(unknown.failure().message, ContainsSubstring("did you mean 'lead'?"));

  REQUIRE(r->retry(who->id, {}));
  CHECK(r->wait(who->key, deadline()) == status::failed);
  if (GENERATE(true, false)) { // In a later runtime as well.
    r.reset();
    r = begin();
  }
  REQUIRE(r->retry(who->id, {}));
  CHECK(r->wait(who->key, deadline()) == status::completed);
  const auto nothing = r->retry(who->id, {});
  REQUIRE_FALSE(nothing);
  CHECK(nothing.failure().code == ec::conflict);
  CHECK_THAT(nothing.failure().message, ContainsSubstring("--from"));
  REQUIRE(r->retry(who->id, {"c"}));
  CHECK(r->wait(who->key, deadline()) == status::completed);

  auto reader = store::reader::open(store::state_directory{state.path()});
  REQUIRE(reader);
  std::map<std::string, std::uint32_t> newest;
  const auto tasks = reader->tasks(who->key, {}, 100);
  REQUIRE(tasks);
  for (const auto& t : *tasks) {
    CHECK(t.status == status::completed);
    newest[t.name] = t.attempt ? t.attempt->number : 99;
  }
  CHECK(newest ==
        std::map<std::string, std::uint32_t>{{"a", 0}, {"b", 2}, {"c", 1}, {"d", 0}, {"lead", 1}, {"two", 1}});
}

TEST_CASE("what runs is not retried") {
  const temporary_folder state;
  runtime_config config;
  config.state_directory = state.path();
  null_config endless;
  endless.run = std::chrono::hours{1};
  config.pools.push_back({"local", make_null_driver(endless)});
  auto r = runtime::start(std::move(config));
  REQUIRE(r);
  const auto who = (*r)->submit(make_workflow({make_task("a")}), {"text", "muster", "{}"});
  REQUIRE(who);
  const auto refused = (*r)->retry(who->id, {});
  REQUIRE_FALSE(refused);
  CHECK(refused.failure().code == ec::conflict);
  CHECK_THAT(refused.failure().message, ContainsSubstring("muster resume wf-1"));
}
