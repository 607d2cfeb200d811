#include "driven_group.hpp"

#include "support/catch.hpp"

using namespace muster;
using namespace muster::test;

TEST_CASE("a group of one lives: intent, place, prepare, start, exit") {
  driven d{{}};
  auto& m = d.machine;
  CHECK(d.run(m.begin()) == did{"intent a0"});
  CHECK(d.run(m.intent_committed(d.ticket)) == did{"place 1"});
  CHECK(d.run(m.must_wait(d.place, "waiting for 1 CPU")) == did{"a0 SCHEDULING: waiting for 1 CPU", "timer 2"});
  CHECK(d.run(m.must_wait(d.place, "waiting for 1 CPU")).empty());
  CHECK(d.run(m.placed(d.place, epoch{4})) == did{"no timer 2", "a0 INITIALIZING", "timer 3", "run a0"});
  CHECK(m.lease() == epoch{4});
  CHECK(d.run(m.started(driven::who(0), {})) == did{"a0 RUNNING", "timer 1", "no timer 3"});
  CHECK(m.group_status() == status::running);
  CHECK(d.run(m.exited(driven::who(0), code(0))) ==
        did{"a0 COMPLETED 0", "no timer 1", "release", "remove a0", "finished COMPLETED"});
  CHECK(m.done());
  CHECK(d.run(m.exited(driven::who(0), code(0))).empty());
  CHECK(d.run(m.cancel("late", true)).empty());
  CHECK(m.ignored() == 2);
}

TEST_CASE("what a member waits for while it is prepared is recorded, and not afterwards") {
  driven d{{2}};
  auto& m = d.machine;
  d.run(m.begin());
  d.run(m.intent_committed(d.ticket));
  CHECK(d.run(m.progressed(driven::who(0), "early")).empty());
  d.run(m.placed(d.place, epoch{1}));
  CHECK(d.run(m.progressed(driven::who(0), "pulling x: 1 of 2 MB")) == did{"a0 INITIALIZING: pulling x: 1 of 2 MB"});
  CHECK(d.run(m.progressed(driven::who(0, 1), "of another attempt")).empty());
  d.run(m.prepared(driven::who(0), {}));
  CHECK(d.run(m.progressed(driven::who(0), "late")).empty());
  // One that is alone starts by itself: until it runs it may be prepared still.
  driven alone{{}};
  alone.run(alone.machine.begin());
  alone.run(alone.machine.intent_committed(alone.ticket));
  alone.run(alone.machine.placed(alone.place, epoch{1}));
  CHECK(alone.run(alone.machine.progressed(driven::who(0), "now")) == did{"a0 INITIALIZING: now"});
  alone.run(alone.machine.started(driven::who(0), {}));
  CHECK(alone.run(alone.machine.progressed(driven::who(0), "late")).empty());
}

TEST_CASE("a group of one is got ready for a place that is another's still") {
  driven d{{}};
  d.run(d.machine.begin());
  d.run(d.machine.intent_committed(d.ticket));
  d.run(d.machine.must_wait(d.place, "waiting for 1 CPU"));
  CHECK(d.run(d.machine.placed_ahead(d.place, epoch{4})) == did{"run a0"});
  CHECK(d.machine.member_status(0) == status::scheduling);
  CHECK(d.run(d.machine.placed_ahead(d.place, epoch{4})).empty());
  SECTION("and heard to have started before the place was free") {
    CHECK(d.run(d.machine.started(driven::who(0), {})) ==
          did{"no timer 2", "a0 INITIALIZING", "a0 RUNNING", "timer 1"});
    CHECK(d.run(d.machine.placed(d.place, epoch{4})).empty());
  }
  SECTION("and started when the place is free") {
    CHECK(d.run(d.machine.placed(d.place, epoch{4})) == did{"no timer 2", "a0 INITIALIZING", "timer 3", "start a0"});
    CHECK(d.run(d.machine.started(driven::who(0), {})) == did{"a0 RUNNING", "timer 1", "no timer 3"});
  }
  SECTION("and canceled while it waits") {
    CHECK(d.run(d.machine.cancel("enough", false)) == did{"no timer 2", "stop a0 3"});
    CHECK(d.run(d.machine.placed(d.place, epoch{4})).empty());
    CHECK(d.run(d.machine.exited(driven::who(0), {143, 15, false, {}})) ==
          did{"a0 FAILED_CANCELED: enough", "release", "remove a0", "finished FAILED_CANCELED: enough"});
  }
  SECTION("and too late") {
    CHECK(d.run(d.machine.timer_fired(group_timer::queue, d.generation[2], {})) == did{"stop a0 3"});
    CHECK(d.run(d.machine.started(driven::who(0), {})) == did{"a0 INITIALIZING", "a0 RUNNING"});
    CHECK(d.run(d.machine.exited(driven::who(0), {0, 0, false, {}})).front().find("a0 FAILED_QUEUE_TIMEOUT") == 0);
  }
  SECTION("and cannot be prepared for now") {
    const auto said = d.run(d.machine.prepared(driven::who(0), error{ec::unavailable, "not now"}));
    CHECK(std::count(said.begin(), said.end(), "release") == 1);
    d.run(d.machine.timer_fired(group_timer::backoff, d.generation[4], {}));
    CHECK(d.run(d.machine.placed(d.place, epoch{5})).back() == "run a0");
  }
}

TEST_CASE("with a barrier nobody starts before all are prepared") {
  driven d{{3}};
  auto& m = d.machine;
  CHECK(d.run(m.begin()) == did{"group PROCESSING", "intent a0 b0 c0"});
  CHECK(d.run(m.intent_committed(d.ticket)) == did{"place 3"});
  CHECK(d.run(m.placed(d.place, epoch{1})) == did{"a0 INITIALIZING", "b0 INITIALIZING", "c0 INITIALIZING",
                                                  "group INITIALIZING", "timer 3", "prepare a0", "prepare b0",
                                                  "prepare c0"});
  CHECK(d.run(m.prepared(driven::who(2), {})).empty());
  CHECK(d.run(m.prepared(driven::who(0), {})).empty());
  CHECK(d.run(m.prepared(driven::who(1), {})) == did{"start a0", "start b0", "start c0"});
}

TEST_CASE("without a barrier each starts when it is prepared") {
  driven d{{2, 0, false}};
  auto& m = d.machine;
  d.run(m.begin());
  d.run(m.intent_committed(d.ticket));
  d.run(m.placed(d.place, epoch{1}));
  CHECK(d.run(m.prepared(driven::who(1), {})) == did{"start b0"});
}

TEST_CASE("when the lead completes, its siblings are ended and count as completed") {
  driven d{{2, 1}};
  auto& m = d.machine;
  d.run_all();
  CHECK(d.run(m.exited(driven::who(1), code(0))) == did{"b0 COMPLETED 0", "no timer 1", "stop a0 3", "remove b0"});
  CHECK(d.run(m.exited(driven::who(0), code(143))) ==
        did{"a0 COMPLETED: Lead task finished", "group COMPLETED", "release", "remove a0", "finished COMPLETED"});
}

TEST_CASE("when the lead fails, its siblings fail with it") {
  driven d{{2}};
  auto& m = d.machine;
  d.run_all();
  CHECK(d.run(m.exited(driven::who(0), code(3))) ==
        did{"a0 FAILED 3: exit code 3", "no timer 1", "stop b0 3", "remove a0"});
  CHECK(d.run(m.exited(driven::who(1), code(0))) == did{"b0 FAILED: Lead task finished",
                                                        "group FAILED: Task a: exit code 3", "release", "remove b0",
                                                        "finished FAILED: Task a: exit code 3"});
  CHECK(m.group_status() == status::failed);
}

TEST_CASE("a failed non-lead is recorded only, or ends the group, as ignoreNonleadStatus says") {
  SECTION("ignored") {
    driven d{{2}};
    d.run_all();
    CHECK(d.run(d.machine.exited(driven::who(1), code(3))) == did{"b0 FAILED 3: exit code 3", "remove b0"});
    CHECK(d.run(d.machine.exited(driven::who(0), code(0))).back() == "finished COMPLETED");
  }
  SECTION("not ignored") {
    driven d{{2, 0, true, false}};
    d.run_all();
    CHECK(d.run(d.machine.exited(driven::who(1), code(3))) ==
          did{"b0 FAILED 3: exit code 3", "no timer 1", "stop a0 3", "remove b0"});
    CHECK(d.run(d.machine.exited(driven::who(0), code(0)))[0] == "a0 FAILED: Task b Failed.");
    CHECK(d.machine.group_status() == status::failed);
  }
}

TEST_CASE("RESCHEDULE makes a next attempt in the same lease, up to the limit") {
  driven d{{1, 0, false, true, 1, std::chrono::seconds{1}}};
  auto& m = d.machine;
  d.run_all();
  CHECK(
      d.run(m.exited(driven::who(0), code(7))) ==
      did{"a0 RESCHEDULED 7: Exit Action: RESCHEDULE the task for exit code 7.", "intent a1", "timer 5", "remove a0"});
  CHECK(d.run(m.exited(driven::who(0), code(7))).empty());
  CHECK(d.run(m.intent_committed(d.ticket)).empty());
  CHECK(d.run(m.timer_fired(group_timer::retry, d.generation[5], task_index{10})) ==
        did{"a1 INITIALIZING", "timer 3", "run a1"});
  CHECK(d.run(m.started(driven::who(0, 1), {})) == did{"a1 RUNNING", "no timer 3"});
  CHECK(d.run(m.exited(driven::who(0, 1), code(7))) ==
        did{"a1 FAILED 7: No exit action applied due to retry limit 1.", "no timer 1", "release", "remove a1",
            "finished FAILED: No exit action applied due to retry limit 1."});
}

TEST_CASE("a rescheduled lead takes its siblings along, back to the barrier") {
  driven d{{2}};
  auto& m = d.machine;
  d.run_all();
  CHECK(d.run(m.exited(driven::who(0), code(7))) ==
        did{"a0 RESCHEDULED 7: Exit Action: RESCHEDULE the task for exit code 7.", "intent a1", "stop b0 3",
            "remove a0"});
  const auto first = d.ticket;
  CHECK(d.run(m.intent_committed(first)) == did{"a1 INITIALIZING", "timer 3", "prepare a1"});
  CHECK(d.run(m.prepared(driven::who(0, 1), {})).empty());
  CHECK(d.run(m.exited(driven::who(1), code(0))) ==
        did{"b0 RESCHEDULED: Restarted with its group", "intent b1", "remove b0"});
  CHECK(d.run(m.intent_committed(d.ticket)) == did{"b1 INITIALIZING", "prepare b1"});
  CHECK(d.run(m.prepared(driven::who(1, 1), {})) == did{"start a1", "start b1"});
}

TEST_CASE("a rescheduled non-lead is on its own, or takes all along, as ignoreNonleadStatus says") {
  driven alone{{2}};
  alone.run_all();
  CHECK(alone.run(alone.machine.exited(driven::who(1), code(7))).size() == 3);
  CHECK(alone.run(alone.machine.intent_committed(alone.ticket)).size() == 3);
  CHECK(alone.run(alone.machine.prepared(driven::who(1, 1), {})) == did{"start b1"});
  driven all{{2, 0, true, false}};
  all.run_all();
  CHECK(all.run(all.machine.exited(driven::who(1), code(7)))[2] == "stop a0 3");
}

TEST_CASE("a transient failure of one prepare rolls the gang back, and it queues again") {
  driven d{{2}};
  auto& m = d.machine;
  d.run(m.begin());
  d.run(m.intent_committed(d.ticket));
  d.run(m.placed(d.place, epoch{1}));
  d.run(m.prepared(driven::who(0), {}));
  CHECK(d.run(m.prepared(driven::who(1), error{ec::io_error, "disk"})) ==
        did{"undo a0", "release", "a0 INITIALIZING: Will be tried again: Task b: disk",
            "b0 INITIALIZING: Will be tried again: Task b: disk", "no timer 3", "timer 4"});
  CHECK(m.lease() == epoch{0});
  CHECK(d.run(m.timer_fired(group_timer::backoff, d.generation[4], {})) == did{"place 2"});
  CHECK(d.run(m.must_wait(d.place, "1 GPU is missing")) ==
        did{"a0 INITIALIZING: 1 GPU is missing", "group INITIALIZING: 1 GPU is missing", "timer 2"});
  // However often nodes come and go meanwhile: that is for the lead to say.
  CHECK(d.run(m.cannot_place(d.place, {ec::unavailable, "n1 left"})) ==
        did{"no timer 2", "a0 INITIALIZING: Will be tried again: n1 left", "timer 4"});
  CHECK(d.run(m.timer_fired(group_timer::backoff, d.generation[4], {})) == did{"place 2"});
  for (int i = 0; i < 3; ++i) {
    d.run(m.placed(d.place, epoch{1}));
    d.run(m.prepared(driven::who(1), error{ec::io_error, "disk"}));
    d.run(m.prepared(driven::who(0), {}));
    d.run(m.timer_fired(group_timer::backoff, d.generation[4], {}));
  }
  d.run(m.placed(d.place, epoch{1}));
  CHECK(d.run(m.prepared(driven::who(1), error{ec::io_error, "disk"})) ==
        did{"stop a0 3", "b0 FAILED_BACKEND_ERROR: Task b: disk"});
  CHECK(d.run(m.prepared(driven::who(0), {})) == did{"a0 FAILED_BACKEND_ERROR: Task b: disk", "undo a0", "no timer 3",
                                                     "group FAILED: Task b: disk", "release",
                                                     "finished FAILED: Task b: disk"});
}

TEST_CASE("a group whose nodes come and go while it waits asks anew, however often") {
  driven d{{}};
  auto& m = d.machine;
  d.run(m.begin());
  d.run(m.intent_committed(d.ticket));
  for (int i = 0; i < 10; ++i) {
    CHECK(d.run(m.cannot_place(d.place, {ec::unavailable, "node n1 offers less than before"})).back() == "timer 4");
    CHECK(d.run(m.timer_fired(group_timer::backoff, d.generation[4], {})) == did{"place 1"});
  }
  CHECK_FALSE(d.run(m.placed(d.place, epoch{1})).empty());
}

TEST_CASE("whoever was put off says what it waits for now") {
  driven d{{2}};
  auto& m = d.machine;
  d.run(m.begin());
  d.run(m.intent_committed(d.ticket));
  CHECK(d.run(m.must_wait(d.place, "1 GPU is missing")) == did{"a0 SCHEDULING: 1 GPU is missing",
                                                               "b0 SCHEDULING: 1 GPU is missing",
                                                               "group SCHEDULING: 1 GPU is missing", "timer 2"});
  CHECK(d.run(m.cannot_place(d.place, {ec::unavailable, "n1 left"})) ==
        did{"no timer 2", "a0 SCHEDULING: Will be tried again: n1 left", "timer 4"});
  d.run(m.timer_fired(group_timer::backoff, d.generation[4], {}));
  CHECK(d.run(m.must_wait(d.place, "2 GPUs are missing")) ==
        did{"a0 SCHEDULING: 2 GPUs are missing", "group SCHEDULING: 2 GPUs are missing", "timer 2"});
  CHECK(d.run(m.must_wait(d.place, "2 GPUs are missing")).empty());
}

TEST_CASE("what the caller got wrong fails at once") {
  driven d{{}};
  auto& m = d.machine;
  d.run(m.begin());
  d.run(m.intent_committed(d.ticket));
  d.run(m.placed(d.place, epoch{1}));
  CHECK(d.run(m.prepared(driven::who(0), error{ec::sandbox_unavailable, "no bubblewrap"})) ==
        did{"a0 FAILED_START_ERROR: no bubblewrap", "no timer 3", "release", "finished FAILED: no bubblewrap"});
  driven never{{}};
  never.run(never.machine.begin());
  never.run(never.machine.intent_committed(never.ticket));
  CHECK(never.run(never.machine.cannot_place(never.place, {ec::never_fits, "too big"})) ==
        did{"a0 FAILED_START_ERROR: too big", "finished FAILED: too big"});
}

TEST_CASE("timeouts end the group") {
  SECTION("exec") {
    driven d{{2}};
    d.run_all();
    CHECK(d.run(d.machine.timer_fired(group_timer::exec, d.generation[1], {})) == did{"stop a0 3", "stop b0 3"});
    CHECK(d.run(d.machine.timer_fired(group_timer::exec, d.generation[1], {})).empty());
    CHECK(d.run(d.machine.exited(driven::who(0), code(0)))[0] == "a0 FAILED_EXEC_TIMEOUT: exec timeout of 5s exceeded");
    CHECK(d.run(d.machine.exited(driven::who(1), code(0))).back() ==
          "finished FAILED_EXEC_TIMEOUT: exec timeout of 5s exceeded");
  }
  SECTION("queue") {
    driven d{{}};
    d.run(d.machine.begin());
    d.run(d.machine.intent_committed(d.ticket));
    d.run(d.machine.must_wait(d.place, "full"));
    CHECK(d.run(d.machine.timer_fired(group_timer::queue, d.generation[2], {})) ==
          did{"a0 FAILED_QUEUE_TIMEOUT: queue timeout of 7s exceeded", "release",
              "finished FAILED_QUEUE_TIMEOUT: queue timeout of 7s exceeded"});
  }
  SECTION("start: a prepare that never answers is not waited for") {
    driven d{{2}};
    d.run(d.machine.begin());
    d.run(d.machine.intent_committed(d.ticket));
    d.run(d.machine.placed(d.place, epoch{1}));
    const auto text = std::string{"start timeout of 1800s exceeded"};
    CHECK(d.run(d.machine.timer_fired(group_timer::start, d.generation[3], {})) ==
          did{"stop a0 3", "stop b0 3", "a0 FAILED_START_TIMEOUT: " + text, "undo a0",
              "b0 FAILED_START_TIMEOUT: " + text, "undo b0", "group FAILED: " + text, "release",
              "finished FAILED: " + text});
  }
  SECTION("start: what may have started by itself is waited for") {
    driven d{{}};
    d.run(d.machine.begin());
    d.run(d.machine.intent_committed(d.ticket));
    d.run(d.machine.placed(d.place, epoch{1}));
    CHECK(d.run(d.machine.timer_fired(group_timer::start, d.generation[3], {})) == did{"stop a0 3"});
    CHECK(d.run(d.machine.prepared(driven::who(0), error{ec::canceled, "stopped"})) ==
          did{"a0 FAILED_START_TIMEOUT: start timeout of 1800s exceeded", "release",
              "finished FAILED: start timeout of 1800s exceeded"});
  }
}

TEST_CASE("cancel stops with grace, force takes the grace away") {
  driven d{{2}};
  d.run_all();
  CHECK(d.run(d.machine.cancel("enough", false)) == did{"no timer 1", "stop a0 3", "stop b0 3"});
  CHECK(d.run(d.machine.cancel("enough", false)).empty());
  CHECK(d.run(d.machine.exited(driven::who(0), code(0)))[0] == "a0 FAILED_CANCELED: enough");
  CHECK(d.run(d.machine.cancel("enough", true)) == did{"stop b0 0"});
  CHECK(d.run(d.machine.exited(driven::who(1), code(137))).back() == "finished FAILED_CANCELED: enough");
}

TEST_CASE("an attempt that nobody saw end is FAILED_BACKEND_ERROR, one killed for memory FAILED_EVICTED") {
  driven d{{}};
  d.run_all();
  CHECK(d.run(d.machine.lost(driven::who(0), "the warden is gone")) ==
        did{"a0 FAILED_BACKEND_ERROR: the warden is gone", "no timer 1", "release", "remove a0",
            "finished FAILED: the warden is gone"});
  driven e{{}};
  e.run_all();
  CHECK(e.run(e.machine.exited(driven::who(0), {137, 9, true, {}}))[0] == "a0 FAILED_EVICTED 137: out of memory");
  CHECK(e.machine.group_status() == status::failed_evicted);
}

TEST_CASE("a machine for a group of one is small") {
  // One allocation for the member; names up to 15 characters lie within.
  struct member_size {
    std::string name;
    std::vector<spec::exit_rule> rules;
    std::uint32_t numbers[3];
    std::uint8_t flags[8];
  };
  INFO(sizeof(group_machine));
  CHECK(sizeof(group_machine) + sizeof(member_size) + 32 <= 400);
}
