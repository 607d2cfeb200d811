#include "actor_fixture.hpp"

#include "muster/state/transitions.hpp"
#include "support/catch.hpp"

#include <cstdlib>
#include <set>

using namespace muster;
using namespace muster::test;
using namespace std::chrono_literals;

TEST_CASE("a diamond runs in the order of its edges") {
  actor_fixture f;
  f.begin(make_workflow({make_task("a"), make_task("b", {"a"}), make_task("c", {"a"}), make_task("d", {"b", "c"})}));
  REQUIRE(f.run_until_finished());
  CHECK(f.ended() == status::completed);
  CHECK(f.position("publish a 0") < f.position("prepare b 0"));
  CHECK(f.position("publish a 0") < f.position("prepare c 0"));
  CHECK(f.position("publish b 0") < f.position("prepare d 0"));
  CHECK(f.position("publish c 0") < f.position("prepare d 0"));
  CHECK(f.task_status("d") == status::completed);
}

TEST_CASE("a gang starts only when all of it is prepared, and its members know each other") {
  actor_fixture f;
  auto w = make_workflow({});
  w.groups.push_back(make_group("gang", {make_task("lead"), make_task("two"), make_task("three")}));
  f.begin(w);
  REQUIRE(f.run_until_finished());
  CHECK(f.ended() == status::completed);
  for (const auto* prepared : {"prepare lead 0", "prepare two 0", "prepare three 0"})
    for (const auto* started : {"start lead 0", "start two 0", "start three 0"})
      CHECK(f.position(prepared) < f.position(started));
  std::set<std::string> addresses;
  for (const auto& x : f.events())
    if (x.type == event_type::task_status && x.status == status::running)
      addresses.insert(x.address);
  CHECK(addresses.size() == 3);
}

TEST_CASE("a gang that is larger than what is free waits, says for what, and starts whole") {
  actor_fixture f;
  f.behaviour = [](const std::string&, std::uint32_t) { return script{ec::none, ec::none, false, 0, 1000ms}; };
  auto w = make_workflow({make_task("first"), make_task("second")});
  w.groups.push_back(make_group("gang", {make_task("g1"), make_task("g2"), make_task("g3"), make_task("g4")}));
  f.begin(w);
  f.settle();
  CHECK(f.position("prepare g1 0") == -1);
  CHECK(f.task_status("g1") == status::scheduling);
  CHECK_THAT(f.task_text("g1"), ContainsSubstring("CPU"));
  REQUIRE(f.run_until_finished());
  CHECK(f.ended() == status::completed);
}

TEST_CASE("a failed task fails what is downstream of it and nothing else") {
  actor_fixture f;
  f.behaviour = [](const std::string& task, std::uint32_t) {
    return script{ec::none, ec::none, false, task == "bad" ? 3 : 0, 0ms};
  };
  f.begin(make_workflow({make_task("bad"), make_task("good"), make_task("after_bad", {"bad"}),
                         make_task("later", {"after_bad"}), make_task("after_good", {"good"})}));
  REQUIRE(f.run_until_finished());
  CHECK(f.ended() == status::failed);
  CHECK(f.task_status("bad") == status::failed);
  CHECK(f.task_status("after_bad") == status::failed_upstream);
  CHECK(f.task_status("later") == status::failed_upstream);
  CHECK(f.task_status("after_good") == status::completed);
}

TEST_CASE("RESCHEDULE makes a new attempt, up to the limit") {
  actor_fixture f;
  f.behaviour = [](const std::string&, std::uint32_t attempt) {
    return script{ec::none, ec::none, false, attempt < 2 ? 7 : 0, 0ms};
  };
  auto t = make_task("a");
  t.exit_actions.push_back({spec::exit_action::reschedule, {{7, 7}}, "7"});
  f.begin(make_workflow({t}));
  REQUIRE(f.run_until_finished());
  CHECK(f.ended() == status::completed);
  CHECK(f.position("start a 2") >= 0);
}

TEST_CASE("timeouts are told by the clock") {
  actor_fixture f;
  f.behaviour = [](const std::string&, std::uint32_t) { return script{ec::none, ec::none, false, 0, -1ms}; };
  SECTION("exec") {
    auto w = make_workflow({make_task("endless")});
    w.timeout.exec = 5s;
    f.begin(w);
    f.settle();
    f.advance(4900ms);
    CHECK(f.task_status("endless") == status::running);
    f.advance(200ms);
    CHECK(f.ended() == status::failed_exec_timeout);
    CHECK(f.position("stop endless 0") >= 0);
  }
  SECTION("longer than clocks count") {
    auto w = make_workflow({make_task("endless")});
    w.timeout = {duration::max(), duration::max()};
    f.begin(w);
    f.settle();
    f.advance(24h);
    CHECK(f.task_status("endless") == status::running);
    f.cancel(false);
    f.settle();
    CHECK(f.ended() == status::failed_canceled);
  }
  SECTION("queue") {
    std::vector<spec::task> tasks;
    for (const auto* name : {"a", "b", "c", "d", "waits"})
      tasks.push_back(make_task(name));
    auto w = make_workflow(tasks);
    w.timeout.queue = 5s;
    f.begin(w);
    f.settle();
    f.advance(5100ms);
    CHECK(f.task_status("waits") == status::failed_queue_timeout);
    CHECK(f.task_status("a") == status::running);
    f.cancel(false);
    f.settle();
    CHECK(f.ended() == status::failed_canceled);
  }
}

TEST_CASE("cancel ends what runs, what waits for a place and what waits for others") {
  actor_fixture f;
  f.offered.total.cpu = 1;
  f.behaviour = [](const std::string&, std::uint32_t) { return script{ec::none, ec::none, false, 0, -1ms}; };
  f.begin(make_workflow({make_task("runs"), make_task("queued"), make_task("later", {"runs"})}));
  f.settle();
  const bool force = GENERATE(false, true);
  f.cancel(force);
  f.settle();
  CHECK(f.ended() == status::failed_canceled);
  for (const auto* name : {"runs", "queued", "later"})
    CHECK(f.task_status(name) == status::failed_canceled);
  CHECK(f.position(force ? "kill runs 0" : "stop runs 0") >= 0);
  CHECK(f.position("prepare queued 0") == -1);
}

TEST_CASE("a workflow is taken up where it was left") {
  actor_fixture f;
  auto restore = std::make_shared<workflow_restore>();
  restore->groups = {status::completed, status::running, status::waiting};
  restore->recorded = status::running;
  group_restore running;
  running.members.push_back({0, status::running, found::running});
  running.places.push_back({"local", nullptr, "127.64.0.9", {}});
  restore->members[1] = running;
  f.take_up(make_workflow({make_task("done"), make_task("runs"), make_task("next", {"done", "runs"})}), restore);
  REQUIRE(f.run_until_finished());
  CHECK(f.ended() == status::completed);
  CHECK(f.position("prepare done 0") == -1);
  CHECK(f.position("prepare runs 0") == -1);
  CHECK(f.position("watch 1 0") >= 0);
  CHECK(f.task_status("next") == status::completed);
}

TEST_CASE("a time that a place is waited for goes on with the next head") {
  actor_fixture f;
  f.offered.total.cpu = 1;
  f.behaviour = [](const std::string&, std::uint32_t) { return script{ec::none, ec::none, false, 0, -1ms}; };
  auto restore = std::make_shared<workflow_restore>();
  restore->groups = {status::initializing, status::scheduling};
  restore->recorded = status::running;
  group_restore starts;
  starts.members.push_back({0, status::initializing, found::never_started});
  starts.places.emplace_back();
  restore->members[0] = starts;
  group_restore waits;
  waits.members.push_back({0, status::scheduling, found::nothing});
  waits.places.emplace_back();
  waits.clocks.waited = 295s;
  restore->members[1] = waits;
  auto w = make_workflow({make_task("runs"), make_task("waits")});
  w.timeout.queue = 400s;
  f.take_up(w, restore);
  f.settle();
  CHECK(f.task_status("waits") != status::failed_queue_timeout);
  f.advance(104s);
  CHECK(f.task_status("waits") != status::failed_queue_timeout);
  f.advance(2s);
  CHECK(f.task_status("waits") == status::failed_queue_timeout);
  f.cancel(false);
  f.settle();
  CHECK(f.ended() == status::failed_canceled);
}

TEST_CASE("nobody is told to end before it is written down what for") {
  actor_fixture f;
  f.behaviour = [](const std::string&, std::uint32_t) {
    script x;
    x.runs_for = -1ms;
    return x;
  };
  auto w = make_workflow({});
  w.groups.push_back(make_group("gang", {make_task("a"), make_task("b")}));
  w.timeout.exec = 5s;
  f.begin(w);
  f.settle();
  REQUIRE(f.task_status("b") == status::running);
  f.hold_stop_notes(true);
  f.advance(6s);
  REQUIRE(f.stop_notes().size() == 1);
  CHECK(f.stop_notes()[0].status == status::failed_exec_timeout);
  CHECK(f.stop_notes()[0].attempts.size() == 2);
  CHECK(f.position("stop a 0") == -1);
  f.hold_stop_notes(false);
  CHECK(f.position("stop a 0") >= 0);
  CHECK(f.position("stop b 0") >= 0);
  REQUIRE(f.run_until_finished());
  CHECK(f.ended() == status::failed_exec_timeout);
}

TEST_CASE("who was told to end before a restart is not taken for failed") {
  actor_fixture f;
  f.behaviour = [](const std::string&, std::uint32_t attempt) {
    script x;
    x.exit_code = attempt == 0 ? 143 : 0; // That was killed before anybody was here to see it.
    return x;
  };
  auto restore = std::make_shared<workflow_restore>();
  restore->groups = {status::running};
  restore->recorded = status::running;
  group_restore running;
  for (const auto* address : {"127.64.0.9", "127.64.0.10"}) {
    running.members.push_back({0, status::running, found::exited});
    running.places.push_back({"local", nullptr, address, {}});
  }
  const bool leaves = GENERATE(true, false);
  running.stopping = leaves ? stop_purpose{status::rescheduled, preempted_code, "Preempted: by x", {}}
                            : stop_purpose{status::failed_exec_timeout, no_exit_code, "exec timeout exceeded", {}};
  running.stopping->attempts = {{task_index{0}, 0}, {task_index{1}, 0}};
  restore->members[0] = running;
  auto w = make_workflow({});
  w.groups.push_back(make_group("gang", {make_task("a"), make_task("b")}));
  f.take_up(w, restore);
  REQUIRE(f.run_until_finished());
  CHECK(f.ended() == (leaves ? status::completed : status::failed_exec_timeout));
  CHECK((f.position("start a 1") >= 0) == leaves);
}

TEST_CASE("an attempt that was killed for a cancel, and is found to have ended, is canceled") {
  actor_fixture f;
  auto restore = std::make_shared<workflow_restore>();
  restore->groups = {status::running};
  restore->recorded = status::running;
  group_restore killed;
  killed.members.push_back({0, status::running, found::exited});
  killed.places.push_back({"local", nullptr, "127.64.0.9", {}});
  killed.cancel = "no more of it";
  restore->members[0] = killed;
  f.take_up(make_workflow({make_task("killed")}), restore); // Its end is told at once, and no cancel follows.
  REQUIRE(f.run_until_finished());
  CHECK(f.ended() == status::failed_canceled);
  CHECK(f.task_status("killed") == status::failed_canceled);
  CHECK(f.task_text("killed") == "no more of it");
}

namespace {

/// Events must tell a possible story, whatever happened.
void check_story(const actor_fixture& f) {
  struct story {
    status last = status::unspecified;
    std::uint32_t attempt = 0;
    int started = 0;
  };
  std::vector<story> tasks(f.layout().task_count());
  for (const auto& x : f.events()) {
    if (x.type != event_type::task_status)
      continue;
    auto& t = tasks[x.task.value];
    INFO("task " << f.layout().task_name(x.task) << " attempt " << x.attempt << " " << to_string(x.status));
    REQUIRE_FALSE(is_group_finished(t.last));
    if (x.attempt != t.attempt) {
      REQUIRE(x.attempt == t.attempt + 1);
      REQUIRE(t.last == status::rescheduled);
      t = {status::unspecified, x.attempt, 0};
    }
    if (x.status == status::running)
      REQUIRE(++t.started == 1);
    t.last = x.status;
  }
  for (const auto& t : tasks)
    REQUIRE(is_group_finished(t.last));
  std::set<std::string> starts;
  for (const auto& call : f.calls())
    if (call.compare(0, 5, "start") == 0)
      REQUIRE(starts.insert(call).second);
}

spec::workflow random_workflow(std::mt19937_64& random) {
  const auto groups = 1 + random() % 12;
  auto w = make_workflow({});
  std::vector<std::string> names;
  for (std::uint64_t g = 0; g < groups; ++g) {
    std::vector<spec::task> members;
    const auto size = 1 + random() % 4;
    std::vector<std::string> added;
    for (std::uint64_t m = 0; m < size; ++m) {
      const auto name = "t" + std::to_string(g) + "x" + std::to_string(m);
      std::vector<std::string> inputs;
      if (!names.empty() && random() % 2 == 0)
        inputs.push_back(names[random() % names.size()]);
      members.push_back(make_task(name, inputs));
      if (random() % 2 == 0)
        members.back().exit_actions.push_back({spec::exit_action::reschedule, {{1, 3}}, "1-3"});
      added.push_back(name);
    }
    names.insert(names.end(), added.begin(), added.end());
    auto group = make_group("g" + std::to_string(g), std::move(members));
    group.ignore_nonlead_status = random() % 2 == 0;
    group.barrier = size > 1 && random() % 2 == 0;
    w.groups.push_back(std::move(group));
  }
  if (random() % 3 == 0)
    w.timeout.exec = std::chrono::milliseconds{500};
  return w;
}

} // namespace

TEST_CASE("whatever order the actors run in and however attempts end, every workflow ends and its story is possible") {
  const auto* only = std::getenv("MUSTER_TEST_SEED");
  const std::uint64_t first = only != nullptr ? std::strtoull(only, nullptr, 10) : 1;
  const std::uint64_t last = only != nullptr ? first : 400;
  for (auto seed = first; seed <= last; ++seed) {
    INFO("replay with MUSTER_TEST_SEED=" << seed);
    std::mt19937_64 random{seed};
    actor_fixture f{seed};
    const std::uint64_t longest = random() % 3 == 0 ? 1000 : 10; // Short ones are got ready behind others.
    f.behaviour = [&random, longest](const std::string&, std::uint32_t) {
      script x;
      const auto dice = random() % 20;
      if (dice == 0)
        x.prepare_problem = random() % 2 == 0 ? ec::unavailable : ec::data_error;
      else if (dice == 1)
        x.start_problem = ec::start_failed;
      else if (dice == 2)
        x.lost = true;
      else if (dice < 8)
        x.exit_code = static_cast<std::int32_t>(random() % 5);
      x.runs_for = std::chrono::milliseconds{random() % longest};
      return x;
    };
    f.offered.starts_after = seed % 2 == 0;
    f.holds_news_for = std::chrono::milliseconds{seed % 4 < 2 ? 0 : 8};
    f.begin(random_workflow(random));
    if (random() % 4 == 0) {
      f.advance(std::chrono::milliseconds{random() % (longest * 7 / 10)});
      f.cancel(random() % 2 == 0);
    }
    REQUIRE(f.run_until_finished());
    check_story(f);
    CHECK(f.most_live() <= 4);
  }
}
