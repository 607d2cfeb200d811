#include "driver_bench.hpp"

#include "support/catch.hpp"
#include "support/unix_http.hpp"

#include <string>

/// A start without an answer, and a daemon that may not know what became of it: never twice.
using namespace muster;
using namespace muster::test;
using namespace std::chrono_literals;

namespace {

using names = std::vector<std::string>;
using fault = engine_fault_kind;

const std::string start = "POST /containers/*/start";

engine_fault wrong(fault what) {
  engine_fault out;
  out.route = start;
  out.what = what;
  return out;
}

/// The start of the attempt is in the daemon's hands, and not carried out yet.
void send_start(driver_bench& b, attempt_id id) {
  b.engine.inject(wrong(fault::hold));
  b->start(id);
  REQUIRE(b.engine.wait_for_calls(start, 1));
}

engine_script ends_at_once() {
  engine_script out;
  out.exit_code = 0;
  return out;
}

/// A start that was cut off on its way comes to the daemon all the same.
bool arrives_late(const driver_bench& b, std::uint32_t task) {
  return http_call(b.engine.socket(), "POST", "/v1.41/containers/" + b.name(task) + "/start").status == 204;
}

/// The daemon carries out what it holds and is killed before it has written that down. The container is over when the
/// next daemon comes.
void kill_in_start(driver_bench& b) {
  b.engine.script("*", ends_at_once());
  b.engine.go_away();
  b.engine.release();
  REQUIRE(eventually([&] { return b.engine.times_started(b.name()) == 1; }));
  b.engine.forget_start(b.name());
}

} // namespace

TEST_CASE("a start that a daemon carried out when it was killed, and the next knows nothing of, is not sent again") {
  for (const bool is_stopped : {false, true}) {
    driver_bench b;
    const auto id = b.prepared(b.spec());
    send_start(b, id);
    kill_in_start(b);
    if (is_stopped)
      b->stop(id, 0ms);
    b.engine.come_back();
    const auto seen = b.heard->wait_end(id);
    CHECK(seen.calls == names{"prepared", "lost"});
    CHECK_THAT(seen.lost.value_or(""), ContainsSubstring("it may have run"));
    CHECK(b.engine.count(start) == 1);
    CHECK(b.engine.times_started(b.name()) == 1);
    b->remove(id);
    CHECK(eventually([&] { return b.engine.containers().empty(); }));
  }
}

TEST_CASE("a container that the next daemon does not even know may have run, if its start has no answer") {
  driver_bench b;
  const auto id = b.prepared(b.spec());
  send_start(b, id);
  kill_in_start(b);
  b.engine.remove_outside(b.name());
  b.engine.come_back();
  CHECK(b.heard->wait_end(id).calls == names{"prepared", "lost"});
}

TEST_CASE("a start without an answer is not sent again where the daemon may have forgotten whether it was there") {
  for (const int newer : {255, 256}) {
    driver_bench b;
    const auto id = b.prepared(b.spec());
    for (int i = 0; i < newer; ++i)
      REQUIRE(http_call(b.engine.socket(), "POST", "/v1.41/containers/create", R"({"Image":"busybox"})").status == 201);
    b.engine.inject(wrong(fault::close));
    b->start(id);
    if (newer < 256)
      CHECK(fault_of(b.heard->wait_started(id).started).empty());
    else
      CHECK(b.heard->wait_end(id).calls == names{"prepared", "lost"});
    CHECK(b.engine.times_started(b.name()) == (newer < 256 ? 1 : 0));
  }
}

TEST_CASE("a daemon that cannot be asked whether it was there is asked again") {
  driver_bench b;
  const auto id = b.prepared(b.spec());
  auto events = wrong(fault::refuse);
  events.route = "GET /events";
  auto info = wrong(fault::do_and_answer_half);
  info.route = "GET /info";
  b.engine.inject(events);
  b.engine.inject(info);
  b.engine.inject(wrong(fault::close));
  b->start(id);
  CHECK(fault_of(b.heard->wait_started(id).started).empty());
  CHECK(b.engine.times_started(b.name()) == 1);
  CHECK(b.engine.count("GET /info") == 4); // One was the probe's.
}

TEST_CASE(
    "when it is certain that a start came to nothing, the refusal of the next is believed, and nobody asked again") {
  for (const bool for_good : {false, true}) {
    driver_bench b;
    const auto id = b.prepared(b.spec());
    b.engine.inject(wrong(fault::close));
    auto failing = wrong(fault::refuse);
    failing.nth = 2;
    engine_script refused;
    refused.start_status = 500;
    refused.start_error = "OCI runtime create failed: error mounting \"/data\" to rootfs: unknown";
    if (for_good)
      b.engine.script("*", refused);
    else
      b.engine.inject(failing);
    b->start(id);
    const auto seen = b.heard->wait(id, [](const history& x) { return x.started || x.lost; });
    CHECK(seen.calls == names{"prepared", "started"});
    CHECK(code_of(seen.started) == (for_good ? ec::start_failed : ec::none));
    CHECK(b.engine.count(start) == (for_good ? 2 : 3));
    CHECK(b.engine.count("GET /info") == 2); // One was the probe's.
  }
}

TEST_CASE("a start that was cut off and arrives while the daemon is asked who it is is not sent again") {
  driver_bench b;
  const auto id = b.prepared(b.spec(0));
  const auto other = b.running(b.spec(1));
  b.engine.script(b.name(0), ends_at_once());
  auto slow = wrong(fault::hold);
  slow.route = "GET /info";
  b.engine.inject(slow);
  b.engine.inject(wrong(fault::close));
  b->start(id);
  REQUIRE(b.engine.wait_for_calls("GET /info", 2));
  REQUIRE(arrives_late(b, 0));
  b.engine.finish(b.name(1), 0); // What is said of this one is said after that was heard.
  REQUIRE(b.heard->wait_end(other).exited);
  b.engine.release();
  CHECK(b.heard->wait_end(id).calls == names{"prepared", "started", "exited"});
  CHECK(b.engine.times_started(b.name(0)) == 1);
}

TEST_CASE("a start that was cut off and arrives while the next waits for its turn is not sent again") {
  const auto [is_heard, is_stopped] = GENERATE(table<bool, bool>({{true, false}, {false, false}, {true, true}}));
  driver_bench b{[](docker_pool_config& config) { config.starts_in_flight = 1; }};
  const auto id = b.prepared(b.spec(0));
  const auto second = b.prepared(b.spec(1));
  const auto third = b.prepared(b.spec(2));
  const auto other = b.running(b.spec(3));
  b.engine.script(b.name(0), ends_at_once());
  auto slow = wrong(fault::hold);
  slow.route = "GET /info";
  b.engine.inject(slow);
  b.engine.inject(wrong(fault::close));
  b->start(id);
  REQUIRE(b.engine.wait_for_calls("GET /info", 2));
  // Two that are slow to start: the second of them keeps the turn when the daemon has said who it is.
  auto holding = wrong(fault::hold);
  holding.times = 2;
  b.engine.inject(holding);
  b->start(second);
  b->start(third);
  REQUIRE(b.engine.wait_for_calls(start, 3));
  b.engine.release();
  REQUIRE(b.engine.wait_for_calls(start, 4));
  REQUIRE(b.engine.wait_for_calls("GET /events", 2));
  // Its pause is over before that of this one, which begins later.
  auto failing = wrong(fault::refuse);
  failing.route = "POST /containers/create";
  b.engine.inject(failing);
  b.prepared(b.spec(4));
  if (!is_heard)
    b.engine.repeat_events(0);
  REQUIRE(arrives_late(b, 0));
  if (!is_heard) {
    b.engine.drop_event_streams();
    REQUIRE(b.engine.wait_for_calls("GET /events", 3));
    b.engine.repeat_events(1);
  }
  b.engine.finish(b.name(3), 0);
  REQUIRE(b.heard->wait_end(other).exited);
  if (is_stopped)
    b->stop(id, 0ms);
  b.engine.release();
  const auto seen = b.heard->wait_end(id);
  CHECK(seen.calls == names{"prepared", "started", "exited"});
  CHECK(seen.exited->code == 0);
  CHECK(b.engine.times_started(b.name(0)) == 1);
}

TEST_CASE("a start that nobody can have taken is sent again, whoever the daemon is, and its refusal is believed") {
  driver_bench b;
  const auto good = b.prepared(b.spec(0));
  const auto bad = b.prepared(b.spec(1));
  engine_script refused;
  refused.start_status = 500;
  refused.start_error = "no such device";
  b.engine.script(b.name(1), refused);
  b.engine.go_away();
  b->start(good);
  b->start(bad);
  // What is said of this one is said after both starts have met nobody.
  b->prepare(b.spec(2));
  CHECK_FALSE(b.heard->wait_prepared(b.spec(2).id).prepared->ok());
  b.engine.come_back();
  CHECK(fault_of(b.heard->wait_started(good).started).empty());
  CHECK(code_of(b.heard->wait_started(bad).started) == ec::start_failed);
  CHECK(b.engine.times_started(b.name(0)) == 1);
}

TEST_CASE("a restart of both finds a container that was never started as lost, if that may be wrong") {
  driver_bench b;
  b.prepared(b.spec(1));
  send_start(b, b.prepared(b.spec(0)));
  b.crash();
  kill_in_start(b);
  b.engine.come_back();
  b.restart();
  const auto found = b->adopt({b.spec(0), b.spec(1)});
  REQUIRE(found.ok());
  CHECK(*found == std::vector<adoption>{adoption::lost, adoption::never_started});
}

TEST_CASE("a restart of both starts what was to start while nobody listened") {
  driver_bench b;
  b->start(b.prepared(b.spec(0)));
  REQUIRE(fault_of(b.heard->wait_started(b.spec(0).id).started).empty());
  b.prepared(b.spec(1));
  b.engine.go_away();
  b->start(b.spec(1).id);
  REQUIRE_FALSE(b->probe().ok()); // It was sent after the start, which has met nobody by now.
  b.crash();
  b.engine.come_back();
  b.restart();
  const auto found = b->adopt({b.spec(0), b.spec(1)});
  REQUIRE(found.ok());
  CHECK(*found == std::vector<adoption>{adoption::running, adoption::never_started});
  b.running(b.spec(1));
  CHECK(b.engine.times_started(b.name(1)) == 1);
}

TEST_CASE("a restart of Muster alone finds a container whose start did not come to anything, and starts it") {
  driver_bench b;
  send_start(b, b.prepared(b.spec()));
  b.crash();
  b.restart();
  engine_fault failing;
  failing.route = "GET /info";
  b.engine.inject(failing);
  const auto found = b->adopt({b.spec()});
  REQUIRE(found.ok());
  CHECK(*found == std::vector<adoption>{adoption::never_started});
  b.running(b.spec());
  CHECK(b.engine.times_started(b.name()) == 1);
}
