#include "driven_group.hpp"

#include "support/catch.hpp"

using namespace muster;
using namespace muster::test;

TEST_CASE("a preempted gang ends with grace, lets go of its lease and gets in line again") {
  driven d{{2}};
  auto& m = d.machine;
  d.run_all();
  CHECK(d.run(m.preempt("by x")) == did{"no timer 1", "stop a0 3", "stop b0 3"});
  CHECK(d.run(m.preempt("by y")).empty());
  CHECK(d.run(m.exited(driven::who(1), code(143))) ==
        did{"b0 RESCHEDULED 3006: Preempted: by x", "intent b1", "remove b0"});
  d.run(m.intent_committed(d.ticket));
  CHECK(d.run(m.exited(driven::who(0), code(0))) ==
        did{"a0 RESCHEDULED 3006: Preempted: by x", "intent a1", "remove a0"});
  CHECK(d.run(m.intent_committed(d.ticket)) == did{"release", "place 2"});
  CHECK(m.lease() == epoch{});
  CHECK(d.run(m.placed(d.place, epoch{2})) ==
        did{"a1 INITIALIZING", "b1 INITIALIZING", "timer 3", "prepare a1", "prepare b1"});
}

TEST_CASE("who makes way is not charged with a retry, unless an exit action rules it") {
  options x;
  x.max_retries = 1;
  driven d{x};
  auto& m = d.machine;
  d.run_all();
  for (std::uint32_t n = 0; n < 3; ++n) {
    d.run(m.preempt("by x"));
    d.run(m.exited(driven::who(0, n), code(143)));
    CHECK(d.run(m.intent_committed(d.ticket)) == did{"release", "place 1"});
    d.run(m.placed(d.place, epoch{n + 2}));
    d.run(m.started(driven::who(0, n + 1), {}));
  }
  CHECK(d.run(m.exited(driven::who(0, 3), code(7))).front().rfind("a3 RESCHEDULED 7", 0) == 0);

  auto setup = driven::setup(x);
  setup.members[0].exit_actions = {{spec::exit_action::reschedule, {{3006, 3006}}, "3006"}};
  d.machine = group_machine{std::move(setup)};
  d.run_all();
  d.run(m.preempt("by x"));
  d.run(m.exited(driven::who(0), code(143)));
  d.run(m.intent_committed(d.ticket));
  d.run(m.placed(d.place, epoch{2}));
  d.run(m.started(driven::who(0, 1), {}));
  d.run(m.preempt("by x"));
  const auto last = d.run(m.exited(driven::who(0, 1), code(143)));
  CHECK(last.front() == "a1 FAILED_PREEMPTED 3006: Preempted: by x. No exit action applied due to retry limit 1.");
  CHECK(m.done());
}

TEST_CASE("a gang that is preempted before it runs takes nothing along") {
  driven d{{2}};
  auto& m = d.machine;
  d.run(m.begin());
  d.run(m.intent_committed(d.ticket));
  CHECK(d.run(m.preempt("early")).empty());
  d.run(m.placed(d.place, epoch{1}));
  d.run(m.prepared(driven::who(0), {}));
  CHECK(d.run(m.preempt("by x")) == did{"no timer 3", "undo a0", "stop b0 3"});
  CHECK(d.run(m.prepared(driven::who(1), error{ec::canceled, "stopped"})) ==
        did{"release", "a0 INITIALIZING: Preempted: by x", "b0 INITIALIZING: Preempted: by x", "place 2"});
  CHECK(d.run(m.placed(d.place, epoch{2})) ==
        did{"a0 INITIALIZING", "b0 INITIALIZING", "timer 3", "prepare a0", "prepare b0"});
  CHECK(d.run(m.cancel("enough", false)) == did{"stop a0 3", "stop b0 3"});
}

TEST_CASE("a gang leaves when the node of one of its members is given up") {
  options x{2};
  x.max_retries = 0;
  driven d{x};
  auto& m = d.machine;
  d.run_all();
  CHECK(d.run(m.displaced(driven::who(0), "n1 is lost")) ==
        did{"a0 RESCHEDULED 3001: Displaced: n1 is lost", "intent a1", "no timer 1", "stop b0 3", "remove a0"});
  CHECK(d.run(m.displaced(driven::who(0), "n1 is lost")).empty());
  CHECK(d.run(m.intent_committed(d.ticket)).empty()); // The other one still runs.
  CHECK(d.run(m.exited(driven::who(1), code(143))) ==
        did{"b0 RESCHEDULED 3001: Displaced: n1 is lost", "intent b1", "remove b0"});
  CHECK(d.run(m.intent_committed(d.ticket)) == did{"release", "place 2"});
  CHECK(d.run(m.placed(d.place, epoch{2})) ==
        did{"a1 INITIALIZING", "b1 INITIALIZING", "timer 3", "prepare a1", "prepare b1"});
  CHECK(d.run(m.prepared(driven::who(0, 1), {})).empty());
  // Never started: the same attempt goes elsewhere.
  CHECK(d.run(m.displaced(driven::who(0, 1), "n2 is lost")) == did{"no timer 3", "stop b1 3", "undo a1"});
  CHECK(d.run(m.prepared(driven::who(1, 1), error{ec::canceled, "stopped"})) ==
        did{"release", "a1 INITIALIZING: Displaced: n2 is lost", "b1 INITIALIZING: Displaced: n2 is lost", "place 2"});
  d.run(m.placed(d.place, epoch{3}));
  CHECK(d.run(m.cancel("enough", false)) == did{"stop a1 3", "stop b1 3"});
  CHECK(d.run(m.displaced(driven::who(0, 1), "n3 is lost")) == did{"a1 FAILED_CANCELED: enough", "undo a1"});
  CHECK(d.run(m.displaced(driven::who(1, 1), "n3 is lost")) == did{"b1 FAILED_CANCELED: enough", "no timer 3",
                                                                   "group FAILED_CANCELED: enough", "release",
                                                                   "undo b1", "finished FAILED_CANCELED: enough"});
}

TEST_CASE("a gang that loses a node while it makes way waits for the others only") {
  driven d{{2}};
  auto& m = d.machine;
  d.run_all();
  d.run(m.preempt("by x"));
  CHECK(d.run(m.displaced(driven::who(1), "n1 is lost")) ==
        did{"b0 RESCHEDULED 3001: Displaced: n1 is lost", "intent b1", "remove b0"});
  CHECK(d.run(m.intent_committed(d.ticket)).empty());
  CHECK(d.run(m.exited(driven::who(0), code(143))) ==
        did{"a0 RESCHEDULED 3006: Preempted: by x", "intent a1", "remove a0"});
  CHECK(d.run(m.intent_committed(d.ticket)) == did{"release", "place 2"});
}

TEST_CASE("no exit action rules who is displaced") {
  auto setup = driven::setup({});
  setup.members[0].exit_actions = {{spec::exit_action::fail, {{3000, 3010}}, "3000-3010"}};
  driven d{{}};
  d.machine = group_machine{std::move(setup)};
  d.run_all();
  CHECK(d.run(d.machine.displaced(driven::who(0), "n1 is lost")).front() ==
        "a0 RESCHEDULED 3001: Displaced: n1 is lost");
  CHECK_FALSE(d.machine.done());
}

TEST_CASE(
    "a member that has completed stays so when its gang makes way, and one that exits with 0 after that runs again") {
  auto x = options{3};
  x.ignore_nonlead = true;
  driven d{x};
  auto& m = d.machine;
  d.run_all();
  CHECK(d.run(m.exited(driven::who(1), code(0))).front() == "b0 COMPLETED 0");
  CHECK(d.run(m.preempt("by x")) == did{"no timer 1", "stop a0 3", "stop c0 3"});
  CHECK(d.run(m.exited(driven::who(2), code(0))).front() == "c0 RESCHEDULED 3006: Preempted: by x");
  d.run(m.exited(driven::who(0), code(0)));
  CHECK(d.run(m.intent_committed(d.ticket - 1)).empty());
  CHECK(d.run(m.intent_committed(d.ticket)) == did{"release", "place 2"});
  CHECK(m.member_status(1) == status::completed);
}
