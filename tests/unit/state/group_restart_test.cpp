#include "driven_group.hpp"

#include "support/catch.hpp"

using namespace muster;
using namespace muster::test;

TEST_CASE("a group is taken up after a restart") {
  SECTION("never started: prepared again under the same number") {
    driven d{{}};
    CHECK(d.run(d.machine.resume({{2, status::initializing, found::never_started}}, {})) == did{"place 1"});
    CHECK(d.run(d.machine.placed(d.place, epoch{9})) == did{"a2 INITIALIZING", "timer 3", "run a2"});
  }
  SECTION("running: booked where it is, followed to its end") {
    driven d{{}};
    CHECK(d.run(d.machine.resume({{0, status::initializing, found::running}}, {std::chrono::seconds{2}})) ==
          did{"timer 1", "a0 RUNNING", "restore 1"});
    CHECK(d.run(d.machine.exited(driven::who(0), code(0))).back() == "finished COMPLETED");
  }
  SECTION("it waits for a place: what it has waited counts, until it has one") {
    options x;
    x.queue_timeout = std::chrono::hours{7};
    driven d{x};
    d.run(d.machine.resume({{0, status::scheduling, found::nothing}}, {{}, std::chrono::hours{5}}));
    CHECK(d.waited == std::chrono::hours{5});
    d.run(d.machine.must_wait(d.place, "waiting for 1 CPU"));
    CHECK(d.limits.at(group_timer::queue) == std::chrono::hours{2});
    d.run(d.machine.placed(d.place, epoch{9}));
    d.run(d.machine.preempt("others need it"));
    d.run(d.machine.exited(driven::who(0), code(143)));
    d.run(d.machine.intent_committed(d.ticket));
    CHECK(d.waited == duration::zero());
    d.run(d.machine.must_wait(d.place, "waiting for 1 CPU"));
    CHECK(d.limits.at(group_timer::queue) == std::chrono::hours{7});
  }
  SECTION("it has waited as long as it may: nodes have a minute to be there again") {
    const auto least = [](duration timeout) {
      options x;
      x.queue_timeout = timeout;
      driven d{x};
      d.run(d.machine.resume({{0, status::scheduling, found::nothing}}, {{}, std::chrono::hours{5}}));
      d.run(d.machine.must_wait(d.place, "waiting for 1 CPU"));
      return d.limits.at(group_timer::queue);
    };
    CHECK(least(std::chrono::hours{4}) == std::chrono::minutes{1});
    CHECK(least(std::chrono::seconds{7}) == std::chrono::seconds{7});
  }
  SECTION("lost") {
    driven d{{}};
    CHECK(d.run(d.machine.resume({{0, status::running, found::lost}}, {})).back() ==
          "finished FAILED: Nobody saw how it ended");
  }
  SECTION("a retry that was not recorded yet is made") {
    driven d{{}};
    CHECK(d.run(d.machine.resume({{0, status::rescheduled, found::nothing}}, {})) == did{"intent a1"});
    CHECK(d.run(d.machine.intent_committed(d.ticket)) == did{"place 1"});
  }
  SECTION("the lead had completed: siblings that still run are ended") {
    driven d{{2}};
    CHECK(d.run(d.machine.resume({{0, status::completed, found::nothing}, {0, status::running, found::running}}, {})) ==
          did{"group RUNNING", "timer 1", "no timer 1", "stop b0 3", "restore 1"});
    CHECK(d.run(d.machine.exited(driven::who(1), code(0)))[0] == "b0 COMPLETED: Lead task finished");
    CHECK(d.machine.group_status() == status::completed);
  }
  SECTION("the lead was rescheduled: siblings of its old attempt are restarted") {
    driven d{{2}};
    CHECK(d.run(d.machine.resume({{0, status::rescheduled, found::nothing}, {0, status::running, found::running}},
                                 {})) == did{"group RUNNING", "intent a1", "timer 1", "stop b0 3", "restore 2"});
  }
}

TEST_CASE("a group that was leaving its places when the head ended goes on with that") {
  driven d{{2}};
  auto& m = d.machine;
  const recorded_member gone{1, status::processing, found::nothing, 1, displaced_code};
  const recorded_member runs{0, status::running, found::running, 0, 0};
  CHECK(d.run(m.resume({gone, runs}, {})) == did{"group RUNNING", "timer 1", "no timer 1", "stop b0 3"});
  CHECK(d.run(m.exited(driven::who(1), code(143))).front().rfind("b0 RESCHEDULED 3001: Displaced", 0) == 0);
  CHECK(d.run(m.intent_committed(d.ticket)) == did{"release", "place 2"});
}

TEST_CASE("what attempts are told to end for is noted before, and known after a restart") {
  const recorded_member runs{0, status::running, found::running};
  // As it is when the head dies after that: both members were killed, and their group does not know why.
  const auto restarted = [&](driven& before, std::vector<recorded_member> members) {
    REQUIRE(before.noted);
    driven after{{static_cast<std::uint32_t>(members.size())}};
    after.noted = std::nullopt;
    after.run(after.machine.resume(members, {}, before.noted));
    return after;
  };
  const auto noted_first = [](const group_effects& all) {
    const auto note = std::find_if(all.begin(), all.end(), [](const auto& x) { return x.index() == 7; });
    static_assert(std::is_same_v<std::variant_alternative_t<7, group_effect>, effect::note_stop>);
    const auto stop =
        std::find_if(all.begin(), all.end(), [](const auto& x) { return std::holds_alternative<effect::stop>(x); });
    return note < stop && stop != all.end();
  };

  SECTION("an exec timeout") {
    driven d{{2}};
    d.run_all();
    const auto all = d.machine.timer_fired(group_timer::exec, d.generation[1], {});
    CHECK(noted_first(all));
    d.run(all);
    CHECK(d.noted->status == status::failed_exec_timeout);
    CHECK(d.noted->attempts == std::vector<task_attempt>{driven::who(0), driven::who(1)});
    auto after = restarted(d, {runs, runs});
    CHECK(after.noted); // Of a restart after that one as well.
    CHECK(after.run(after.machine.exited(driven::who(1), code(143)))[0] ==
          "b0 FAILED_EXEC_TIMEOUT: exec timeout of 5s exceeded");
    after.run(after.machine.exited(driven::who(0), code(143)));
    CHECK(after.machine.group_status() == status::failed_exec_timeout);
  }
  SECTION("a gang that makes way") {
    driven d{{2}};
    d.run_all();
    const auto all = d.machine.preempt("by x");
    CHECK(noted_first(all));
    d.run(all);
    auto after = restarted(d, {runs, runs});
    CHECK(after.run(after.machine.exited(driven::who(1), code(143)))[0] == "b0 RESCHEDULED 3006: Preempted: by x");
    CHECK(after.run(after.machine.exited(driven::who(0), code(0)))[0] == "a0 RESCHEDULED 3006: Preempted: by x");
    CHECK_FALSE(after.machine.done());
  }
  SECTION("a gang that is displaced, and nobody's end was recorded") {
    driven d{{3}};
    d.run_all();
    d.run(d.machine.displaced(driven::who(0), "n1 is lost"));
    CHECK(d.noted->attempts == std::vector<task_attempt>{driven::who(1), driven::who(2)});
    auto after = restarted(d, {{1, status::processing, found::nothing, 1, displaced_code}, runs, runs});
    CHECK(after.run(after.machine.exited(driven::who(1), code(143)))[0] ==
          "b0 RESCHEDULED 3001: Displaced: n1 is lost");
  }
  SECTION("members that are restarted with their group") {
    driven d{{3}};
    d.run_all();
    const auto all = d.machine.exited(driven::who(0), code(7)); // The lead.
    CHECK(noted_first(all));
    d.run(all);
    CHECK(d.noted->attempts == std::vector<task_attempt>{driven::who(1), driven::who(2)});
    // Its next attempt ran by then: nothing else says that the others are of the one before.
    auto after = restarted(d, {{1, status::running, found::running}, runs, runs});
    CHECK(after.run(after.machine.exited(driven::who(2), code(143)))[0] == "c0 RESCHEDULED: Restarted with its group");
    CHECK(after.machine.attempt(2) == 1);
  }
  SECTION("what was noted of attempts that have ended since is over") {
    driven d{{2}};
    d.run_all();
    d.run(d.machine.preempt("by x"));
    driven after{{2}};
    const recorded_member again{1, status::running, found::running, 1};
    CHECK(after.run(after.machine.resume({again, again}, {}, d.noted)).back() == "restore 2");
    CHECK_FALSE(after.noted);
    CHECK(after.run(after.machine.exited(driven::who(0, 1), code(1)))[0].rfind("a1 FAILED 1", 0) == 0);
  }
  SECTION("a group that was to end does, also if nobody had begun") {
    driven d{{2}};
    d.run(d.machine.resume(
        {{0, status::initializing, found::never_started}, {0, status::initializing, found::never_started}}, {},
        stop_purpose{status::failed_start_timeout, no_exit_code, "too late", {driven::who(0)}}));
    CHECK(d.machine.done());
    CHECK(d.machine.member_status(1) == status::failed_start_timeout);
  }
  SECTION("a cancel is known of the workflow") {
    driven d{{2}};
    d.run_all();
    d.run(d.machine.cancel("enough", false));
    CHECK_FALSE(d.noted);
  }
}

TEST_CASE("a node that is given up before its gang was booked there again") {
  driven d{{2}};
  auto& m = d.machine;
  d.run(m.resume({{0, status::running, found::running}, {0, status::running, found::running}}, {}));
  const auto asked = d.place;
  CHECK(d.run(m.displaced(driven::who(0), "n1 is lost")).front() == "a0 RESCHEDULED 3001: Displaced: n1 is lost");
  CHECK(d.run(m.placed(asked, epoch{4})).empty());
  d.run(m.intent_committed(d.ticket));
  d.run(m.exited(driven::who(1), code(0))); // It was asked to leave before: it runs again.
  CHECK(d.run(m.intent_committed(d.ticket)) == did{"release", "place 2"});
}

TEST_CASE("who left places before a restart is charged as it was then, whatever exit actions say now") {
  const std::string ruled = "Preempted: by x. Exit Action: RESCHEDULE the task for exit code 3006.";
  CHECK(has_left_free(preempted_code, "Preempted: by x"));
  CHECK_FALSE(has_left_free(preempted_code, ruled));
  CHECK(has_left_free(displaced_code, "Displaced: n1 is lost"));
  CHECK_FALSE(has_left_free(143, "exit code 143"));
  options x;
  x.max_retries = 1;
  auto setup = driven::setup(x);
  setup.members[0].exit_actions = {{spec::exit_action::reschedule, {{7, 7}, {3006, 3006}}, "7,3006"}};
  driven d{x};
  d.machine = group_machine{setup};
  d.run(d.machine.resume({{2, status::running, found::running, 2}}, {})); // The pool had no such rule.
  CHECK(d.run(d.machine.exited(driven::who(0, 2), code(7))).front().rfind("a2 RESCHEDULED 7", 0) == 0);

  d.machine = group_machine{std::move(setup)};
  d.run_all();
  d.run(d.machine.preempt("by x"));
  CHECK(d.run(d.machine.exited(driven::who(0), code(143))).front() == "a0 RESCHEDULED 3006: " + ruled);
}

TEST_CASE("nobody of a gang with a barrier is started while one who may never start is away") {
  driven d{{3}};
  auto& m = d.machine;
  const recorded_member idle{0, status::initializing, found::never_started};
  const recorded_member away{0, status::initializing, found::away};
  const recorded_member runs{0, status::running, found::running};
  CHECK(d.run(m.resume({runs, idle, away}, {})) ==
        did{"group RUNNING", "timer 1", "no timer 1", "stop a0 3", "stop c0 3"});
  d.run(m.exited(driven::who(0), code(143)));
  CHECK(d.run(m.displaced(driven::who(2), "it was never started")).front().rfind("c0 RESCHEDULED 3001", 0) == 0);
  d.run(m.intent_committed(d.ticket - 1));
  CHECK(d.run(m.intent_committed(d.ticket)) ==
        did{"release",
            "b0 INITIALIZING: Displaced: the head was restarted while its group was being started, and one of its "
            "nodes is away",
            "place 3"});

  driven e{{3}}; // It did run, whatever its node does now: the gang goes on where it was.
  const recorded_member ran{0, status::running, found::away};
  CHECK(e.run(e.machine.resume({runs, idle, ran}, {})).back() == "restore 3");
  driven f{{2}}; // Nobody is left to be started.
  CHECK(f.run(f.machine.resume({runs, away}, {})).back() == "restore 2");
  CHECK(f.run(f.machine.started(driven::who(1), {})) == did{"b0 RUNNING"});
}

TEST_CASE("a gang does not run after a restart before one of its members is known to") {
  driven d{{2}};
  auto& m = d.machine;
  const recorded_member away{0, status::initializing, found::away};
  CHECK(d.run(m.resume({away, away}, {})).front() == "group INITIALIZING");
  CHECK(d.run(m.started(driven::who(1), {})) == did{"b0 RUNNING", "group RUNNING"});
}

TEST_CASE("nobody of a gang with a barrier is started once more while one who may never have started is away") {
  auto x = options{2};
  x.ignore_nonlead = false;
  driven d{x};
  // `b` asked for a retry, and `a` was told to end for it.
  const recorded_member ended{0, status::initializing, found::away};
  const recorded_member next{1, status::initializing, found::away};
  const stop_purpose restart{status::rescheduled, no_exit_code, "Restarted with its group", {driven::who(0)}};
  const auto done = d.run(d.machine.resume({ended, next}, {}, restart));
  CHECK(std::count(done.begin(), done.end(), "stop b1 3") == 1); // The whole gang leaves its places.
  d.run(d.machine.exited(driven::who(0), code(143)));
  d.run(d.machine.displaced(driven::who(1, 1), "it was never started"));
  d.run(d.machine.intent_committed(d.ticket - 1));
  CHECK(d.run(d.machine.intent_committed(d.ticket)) == did{"release", "place 2"});

  driven e{{3}}; // One fails later, and is started alone.
  const recorded_member runs{0, status::running, found::running};
  const recorded_member away{0, status::initializing, found::away};
  e.run(e.machine.resume({runs, runs, away}, {}));
  e.run(e.machine.placed(e.place, epoch{1}));
  e.run(e.machine.exited(driven::who(1), code(7)));
  CHECK(e.run(e.machine.intent_committed(e.ticket)).back() == "prepare b1");
  CHECK(e.run(e.machine.prepared(driven::who(1, 1), {})).empty());
  CHECK(e.run(e.machine.started(driven::who(2), {})) == did{"c0 RUNNING", "start b1"});
}
