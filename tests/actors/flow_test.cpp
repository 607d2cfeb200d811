#include "actor_fixture.hpp"

#include "muster/plan/chunk_builder.hpp"
#include "muster/spec/flow.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <map>
#include <set>

using namespace muster;
using namespace muster::test;
using namespace std::chrono_literals;

namespace {

spec::step task_step(const std::string& name, const std::vector<std::string>& needs = {}) {
  spec::step x;
  x.name = name;
  x.body = make_group(name + "-group", {make_task(name)});
  x.needs = needs;
  return x;
}

spec::foreach up_to(std::int64_t last) {
  spec::foreach x;
  x.items = spec::each_of_range{0, last, 1};
  return x;
}

spec::workflow flow_of(std::vector<spec::step> steps) {
  spec::workflow w;
  w.name = "wf";
  w.resources["default"] = {};
  auto whole = std::make_shared<spec::scope>();
  whole->steps = std::move(steps);
  w.flow = std::move(whole);
  return w;
}

/// split -> map (2 x (leaf x 3 -> sum)) -> end; skipped; a gang of two for each of two.
spec::workflow everything() {
  auto split = task_step("split");
  auto leaf = task_step("leaf");
  leaf.foreach = up_to(2);
  spec::scope inner;
  inner.steps = {leaf, task_step("sum", {"leaf"})};
  spec::step map;
  map.name = "map";
  map.body = std::make_shared<const spec::scope>(std::move(inner));
  map.needs = {"split"};
  map.foreach = spec::foreach{};
  map.foreach->items = spec::each_of_result{"split"};
  auto skipped = task_step("skipped");
  skipped.when = "1 > 2";
  spec::step gang;
  gang.name = "gang";
  gang.body = make_group("gang", {make_task("one"), make_task("two")});
  gang.foreach = up_to(1);
  return flow_of({split, map, skipped, gang, task_step("end", {"map", "gang"})});
}

script behave(const std::string& task, std::uint32_t) {
  script x;
  x.runs_for = 100ms;
  if (task == "split")
    x.result = "[5,6]";
  return x;
}

/// What a later runtime would read, had the earlier one died after so many events.
restore_ptr restore_from(const actor_fixture& f, std::size_t count, plan_ptr& layout, const spec::workflow& what) {
  auto restore = std::make_shared<workflow_restore>();
  auto definition = std::make_shared<const spec::workflow>(what);
  restore->definition = definition;
  // Rows are there as soon as a fact of them is.
  std::map<std::uint32_t, event> newest;
  std::uint32_t groups = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto& x = f.events()[i];
    if (x.type != event_type::task_status)
      continue;
    newest[x.task.value] = x;
    groups = std::max(groups, x.group.value + 1);
    if (!x.result.empty())
      restore->results[x.task.value] = x.result;
  }
  std::vector<chunk_row> rows;
  std::vector<status> statuses;
  std::uint32_t task = 0;
  static const auto gang = make_group("gang", {make_task("one"), make_task("two")});
  static const auto plain = make_group("plain", {make_task("plain")});
  for (std::uint32_t g = 0; g < groups; ++g) {
    chunk_row row{f.groups()[g], {}, &plain};
    const bool is_gang = row.name.rfind("gang", 0) == 0;
    group_restore members;
    auto s = status::unspecified;
    for (int i = 0; i < (is_gang ? 2 : 1); ++i, ++task) {
      row.tasks.push_back(f.tasks()[task]);
      const auto at = newest.find(task);
      const auto now = at == newest.end() ? status::waiting : at->second.status;
      s = s == status::unspecified ? now : std::min(s, now);
      const bool runs = now == status::running;
      members.members.push_back({0, now,
                                 runs               ? found::running
                                 : is_finished(now) ? found::nothing
                                                    : found::never_started});
      placed_member place;
      place.node = "local";
      place.address = "127.0.0." + std::to_string(task + 1);
      members.places.push_back(place);
    }
    row.members = is_gang ? &gang : &plain;
    statuses.push_back(s);
    if (s > status::waiting && !is_group_finished(s))
      restore->members[g] = std::move(members);
    rows.push_back(std::move(row));
  }
  restore->groups = statuses;
  auto built = chunk_builder{definition}.build(rows, {}, {});
  REQUIRE(built);
  layout = std::make_shared<const plan>(std::move(*built));
  return restore;
}

std::multiset<std::string> starts_of(const actor_fixture& f) {
  std::multiset<std::string> out;
  for (const auto& call : f.calls())
    if (call.rfind("start ", 0) == 0)
      out.insert(call);
  return out;
}

} // namespace

TEST_CASE("a flow runs to its end under any schedule, and every task is started once") {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    INFO("seed " << seed);
    actor_fixture f{seed};
    f.behaviour = behave;
    f.begin(everything());
    REQUIRE(f.run_until_finished());
    CHECK(f.ended() == status::completed);
    CHECK(f.task_status("map.1.leaf.2") == status::completed);
    CHECK(f.task_status("skipped") == status::skipped);
    const auto starts = starts_of(f);
    CHECK(starts.size() == 1 + 2 * 4 + 2 * 2 + 1);
    CHECK(std::set<std::string>(starts.begin(), starts.end()).size() == starts.size());
    CHECK(f.position("publish map.1.sum 0") < f.position("prepare end 0"));
  }
}

TEST_CASE("a flow that is taken up after any event runs what had not been started, and nothing twice") {
  const auto what = everything();
  actor_fixture whole{3};
  whole.behaviour = behave;
  whole.begin(what);
  REQUIRE(whole.run_until_finished());
  for (std::size_t count = 0; count + 1 < whole.events().size(); ++count) {
    INFO("after event " << count);
    plan_ptr layout;
    auto restore = restore_from(whole, count, layout, what);
    const auto ended_before = restore->groups;
    actor_fixture f{count + 1};
    f.behaviour = behave;
    f.take_up_flow(what, layout, restore);
    REQUIRE(f.run_until_finished());
    CHECK(f.ended() == status::completed);
    CHECK(f.task_status("end") == status::completed);
    for (std::uint32_t g = 0; g < ended_before.size(); ++g)
      if (is_group_finished(ended_before[g]))
        CHECK(f.position("start " + std::string{layout->task_name(layout->tasks({g}).first)} + " 0") == -1);
  }
}

TEST_CASE("cancelling a flow ends what runs and starts nothing more") {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    INFO("seed " << seed);
    actor_fixture f{seed};
    f.behaviour = [](const std::string& task, std::uint32_t attempt) {
      auto x = behave(task, attempt);
      if (task != "split")
        x.runs_for = -1ms;
      return x;
    };
    f.begin(everything());
    f.settle();
    f.advance(std::chrono::milliseconds{100 + 10 * seed});
    f.cancel(false);
    REQUIRE(f.run_until_finished());
    CHECK(f.ended() == status::failed_canceled);
    CHECK(f.task_status("end") == status::failed_canceled);
  }
}

TEST_CASE("a flow that was cancelled before a restart begins nothing after it") {
  auto what = everything();
  auto many = task_step("many");
  many.foreach = up_to(99);
  auto steps = what.flow->steps;
  steps.push_back(many);
  what = flow_of(steps);
  actor_fixture whole{3};
  whole.behaviour = behave;
  whole.begin(what);
  REQUIRE(whole.run_until_finished());
  for (std::size_t count = 0; count + 1 < whole.events().size(); count += 7) {
    INFO("after event " << count);
    plan_ptr layout;
    auto restore = restore_from(whole, count, layout, what);
    restore->cancel_requested = true;
    restore->cancel_message = "enough";
    const auto known = layout->task_count();
    const auto ended_before = std::count_if(restore->groups.begin(), restore->groups.end(), is_group_finished);
    actor_fixture f{count + 1};
    f.behaviour = behave;
    f.take_up_flow(what, layout, restore);
    REQUIRE(f.run_until_finished());
    // What had been placed, and not started, may be on its way.
    CHECK(starts_of(f).size() + static_cast<std::size_t>(ended_before) <= known);
    // Steps around are recorded as not run; elements that never began are not.
    CHECK(f.tasks().size() <= known + 10);
    CHECK(
        (f.ended() == status::failed_canceled || ended_before == static_cast<std::ptrdiff_t>(restore->groups.size())));
  }
}

TEST_CASE("fail fast stops the other elements, which run") {
  auto each = task_step("t");
  each.foreach = up_to(3);
  each.foreach->fail_fast = true;
  actor_fixture f;
  f.behaviour = [](const std::string& task, std::uint32_t) {
    script x;
    x.exit_code = task == "t.1" ? 3 : 0;
    x.runs_for = task == "t.1" ? 10ms : -1ms;
    return x;
  };
  f.begin(flow_of({each, task_step("end", {"t"})}));
  REQUIRE(f.run_until_finished());
  CHECK(f.ended() == status::failed);
  CHECK(f.task_status("t.0") == status::failed_canceled);
  CHECK(f.task_status("t.1") == status::failed);
  CHECK_THAT(f.task_text("t.0"), ContainsSubstring("t.1 is FAILED"));
  CHECK(f.task_status("end") == status::failed_upstream);
}

TEST_CASE("a step's retry and timeout go before those of the workflow") {
  auto retried = task_step("retried");
  retried.retry = spec::retry{2, 1s, {{4, 4}}, {}};
  auto slow = task_step("slow");
  slow.timeout = 5s;
  actor_fixture f;
  f.behaviour = [](const std::string& task, std::uint32_t attempt) {
    script x;
    x.exit_code = task == "retried" && attempt < 2 ? 4 : 0;
    x.runs_for = task == "slow" ? -1ms : 10ms;
    return x;
  };
  f.begin(flow_of({retried, slow}));
  REQUIRE(f.run_until_finished());
  CHECK(f.task_status("retried") == status::completed);
  CHECK(f.position("start retried 2") > 0);
  CHECK(f.task_status("slow") == status::failed_exec_timeout);
}

TEST_CASE("a token without a value fails the task before it is made, and what needs it") {
  auto next = task_step("next", {"a"});
  std::get<spec::group>(next.body).tasks.front().args = {"{{result:a.x}}"};
  actor_fixture f;
  f.begin(flow_of({task_step("a"), next, task_step("end", {"next"})}));
  REQUIRE(f.run_until_finished());
  CHECK(f.task_status("next") == status::failed);
  CHECK_THAT(f.task_text("next"), ContainsSubstring("{{result:a.x}}"));
  CHECK(f.task_status("end") == status::failed_upstream);
  CHECK(f.position("prepare next 0") == -1);
}

TEST_CASE("a flow without steps completes") {
  actor_fixture f;
  f.begin(flow_of({}));
  REQUIRE(f.run_until_finished());
  CHECK(f.ended() == status::completed);
}
