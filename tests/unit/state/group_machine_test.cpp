#include "support/catch.hpp"

#include "muster/state/group_machine.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace muster;

namespace {

struct options {
  std::uint32_t members = 1;
  std::uint32_t lead = 0;
  bool barrier = true;
  bool ignore_nonlead = true;
  std::uint32_t max_retries = 3;
  duration backoff = duration::zero();
  duration queue_timeout = std::chrono::seconds{7};
};

/// Drives one machine; members are tasks 10, 11, ... named a, b, ...; exit code 7 asks for a retry.
class driven {
public:
  explicit driven(options x) : machine(setup(x)) {}

  static group_setup setup(options x) {
    auto policy = std::make_shared<group_policy>();
    policy->exec_timeout = std::chrono::seconds{5};
    policy->queue_timeout = x.queue_timeout;
    policy->max_retries = x.max_retries;
    policy->backoff.first = x.backoff;
    policy->grace = std::chrono::seconds{3};
    group_setup s;
    s.first_task = task_index{10};
    s.lead = x.lead;
    s.barrier = x.barrier && x.members > 1;
    s.ignore_nonlead_status = x.ignore_nonlead;
    s.policy = std::move(policy);
    for (std::uint32_t i = 0; i < x.members; ++i)
      s.members.push_back(
          {std::string(1, static_cast<char>('a' + i)), {{spec::exit_action::reschedule, {{7, 7}}, "7"}}});
    return s;
  }

  static task_attempt who(std::uint32_t member, std::uint32_t attempt = 0) {
    return {task_index{10 + member}, attempt};
  }

  std::vector<std::string> run(const group_effects& effects) {
    std::vector<std::string> out;
    for (const auto& e : effects)
      if (auto text = std::visit([this](const auto& x) { return say(x); }, e); !text.empty())
        out.push_back(std::move(text));
    return out;
  }

  /// Up to the point where all members run.
  void run_all() {
    run(machine.begin());
    run(machine.intent_committed(ticket));
    run(machine.placed(place, epoch{1}));
    for (std::uint32_t i = 0; i < machine.member_count(); ++i)
      run(machine.prepared(who(i), {}));
    for (std::uint32_t i = 0; i < machine.member_count(); ++i)
      run(machine.started(who(i), {}));
  }

  group_machine machine;
  std::uint32_t ticket = 0;
  std::uint32_t place = 0;
  std::uint32_t generation[6] = {};
  std::map<group_timer, duration> limits; ///< Of the timers, as they were set last.
  duration waited{};                      ///< As the newest request for places says.
  std::optional<stop_purpose> noted;      ///< What is being ended, and what for, as was said last.

private:
  static std::string name(task_attempt x) {
    return std::string(1, static_cast<char>('a' + x.task.value - 10)) + std::to_string(x.attempt);
  }
  static std::string with(std::string text, const std::string& why) { return why.empty() ? text : text + ": " + why; }

  std::string say(const effect::record_task& x) {
    auto text = name(x.who) + ' ' + std::string{to_string(x.status)};
    if (x.exit_code != no_exit_code)
      text += ' ' + std::to_string(x.exit_code);
    return with(text, x.text);
  }
  std::string say(const effect::record_group& x) { return with("group " + std::string{to_string(x.status)}, x.text); }
  std::string say(const effect::commit_intent& x) {
    ticket = x.ticket;
    std::string text = "intent";
    for (const auto& a : x.attempts)
      text += ' ' + name(a);
    return text;
  }
  std::string say(const effect::ask_place& x) {
    place = x.ticket;
    waited = x.waited;
    return std::string{x.restore ? "restore " : "place "} + std::to_string(x.members.size());
  }
  std::string say(const effect::release&) { return "release"; }
  std::string say(const effect::prepare& x) { return (x.then_start ? "run " : "prepare ") + name(x.who); }
  std::string say(const effect::start& x) { return "start " + name(x.who); }
  /// Not shown: most tests are about what follows.
  std::string say(const effect::note_stop& x) {
    noted = x.what;
    return {};
  }
  std::string say(const effect::stop& x) {
    return "stop " + name(x.who) + ' ' + std::to_string(x.grace.count() / 1'000'000);
  }
  std::string say(const effect::remove& x) { return (x.ran ? "remove " : "undo ") + name(x.who); }
  std::string say(const effect::set_timer& x) {
    generation[static_cast<std::size_t>(x.timer)] = x.generation;
    limits[x.timer] = x.delay;
    return "timer " + std::to_string(static_cast<int>(x.timer));
  }
  std::string say(const effect::cancel_timer& x) { return "no timer " + std::to_string(static_cast<int>(x.timer)); }
  std::string say(const effect::finished& x) { return with("finished " + std::string{to_string(x.status)}, x.text); }
};

using did = std::vector<std::string>;

attempt_exit code(std::int32_t c) {
  return {c, 0, false, {}};
}

} // namespace

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
        did{"b0 INITIALIZING: Will be tried again: disk", "undo a0", "release", "no timer 3", "timer 4"});
  CHECK(m.lease() == epoch{0});
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
  CHECK(d.run(m.prepared(driven::who(1), error{ec::canceled, "stopped"})) == did{"release", "place 2"});
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
  CHECK(d.run(m.prepared(driven::who(1, 1), error{ec::canceled, "stopped"})) == did{"release", "place 2"});
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

TEST_CASE("a member that has completed stays so when its gang makes way; one that exits with 0 after that runs again") {
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
  CHECK(d.run(m.intent_committed(d.ticket)) == did{"release", "place 3"});

  driven e{{3}}; // It did run, whatever its node does now: the gang goes on where it was.
  const recorded_member ran{0, status::running, found::away};
  CHECK(e.run(e.machine.resume({runs, idle, ran}, {})).back() == "restore 3");
  driven f{{2}}; // Nobody is left to be started.
  CHECK(f.run(f.machine.resume({runs, away}, {})).back() == "restore 2");
  CHECK(f.run(f.machine.started(driven::who(1), {})) == did{"b0 RUNNING"});
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
