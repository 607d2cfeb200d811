#include "driver_bench.hpp"

#include "support/catch.hpp"
#include "support/unix_http.hpp"

#include <atomic>
#include <set>
#include <string>

/// The Docker driver over an Engine that goes wrong: no wrong verdict, nothing twice, nothing left.
using namespace muster;
using namespace muster::test;
using namespace std::chrono_literals;

namespace {

using names = std::vector<std::string>;
using fault = engine_fault_kind;

const std::string create = "POST /containers/create";
const std::string start = "POST /containers/*/start";
const std::string inspect = "GET /containers/*/json";

engine_fault wrong(const std::string& route, fault what, int times = 1, int status = 500) {
  engine_fault out;
  out.route = route;
  out.what = what;
  out.times = times;
  out.status = status;
  return out;
}

bool is_gone(const driver_bench& b, std::uint32_t task = 0) {
  return eventually([&] { return !b.engine.container(b.name(task)); });
}

} // namespace

TEST_CASE("a container whose making was not confirmed is made once") {
  for (const auto what : {fault::do_and_close, fault::do_and_refuse, fault::do_and_answer_half, fault::too_long,
                          fault::close, fault::refuse, fault::garbage, fault::garbage_body, fault::close_unread}) {
    driver_bench b;
    b.engine.inject(wrong(create, what));
    const auto id = b.running(b.spec());
    CHECK(b.engine.times_created(b.name()) == 1);
    CHECK(b.engine.times_started(b.name()) == 1);
    b.engine.finish(b.name(), 4);
    CHECK(b.heard->wait_end(id).exited->code == 4);
  }
}

TEST_CASE("a start that was not confirmed happens once") {
  for (const auto what : {fault::do_and_close, fault::do_and_refuse, fault::do_and_answer_half, fault::close,
                          fault::refuse, fault::garbage, fault::close_unread}) {
    driver_bench b;
    b.engine.inject(wrong(start, what));
    const auto id = b.running(b.spec());
    CHECK(b.engine.times_started(b.name()) == 1);
    b.engine.finish(b.name(), 0);
    CHECK(b.heard->wait_end(id).calls == names{"prepared", "started", "exited"});
  }
}

TEST_CASE("a container that ended before its start was confirmed is not started again") {
  driver_bench b;
  engine_script at_once;
  at_once.exit_code = 6;
  b.engine.script("*", at_once);
  b.engine.inject(wrong(start, fault::do_and_close));
  const auto id = b.running(b.spec());
  CHECK(b.heard->wait_end(id).exited->code == 6);
  CHECK(b.engine.times_started(b.name()) == 1);
}

TEST_CASE("a start that the daemon refuses is told in one line, and nothing is left") {
  driver_bench b;
  engine_script refused;
  refused.start_status = 400;
  refused.start_error = "OCI runtime create failed: exec: \"tru\": executable file not found in $PATH: unknown";
  b.engine.script("*", refused);
  auto spec = b.spec();
  spec.task.command = {"tru"};
  b->start(b.prepared(spec));
  const auto seen = b.heard->wait_started(spec.id);
  CHECK(code_of(seen.started) == ec::start_failed);
  CHECK(fault_of(seen.started) == "the command 'tru' is not in the image 'busybox'");
  CHECK(is_gone(b));
}

TEST_CASE("a start is sent again as often as the daemon goes away at it") {
  driver_bench b;
  const auto id = b.prepared(b.spec());
  b.engine.inject(wrong(start, fault::close, 4)); // As often as would end it if the daemon refused.
  b->start(id);
  CHECK(fault_of(b.heard->wait_started(id).started).empty());
  CHECK(b.engine.times_started(b.name()) == 1);
}

TEST_CASE("a start that fails again and again is given up") {
  driver_bench b;
  b.engine.inject(wrong(start, fault::refuse, -1));
  const auto spec = b.spec();
  b->start(b.prepared(spec));
  CHECK(code_of(b.heard->wait_started(spec.id).started) == ec::start_failed);
  CHECK(b.engine.times_started(b.name()) == 0);
  CHECK(is_gone(b));
}

TEST_CASE("what a daemon that died in a start refuses afterwards may have run, and is not started again") {
  engine_script refused;
  refused.start_status = 500;
  refused.start_error = "failed to start shim: id already in use: unknown";
  driver_bench b;
  const auto id = b.prepared(b.spec());
  b.engine.inject(wrong(start, fault::close));
  b.engine.script("*", refused);
  b->start(id);
  CHECK(b.heard->wait_end(id).calls.back() == "lost");
  CHECK(b.engine.count(start) == 2);
  CHECK(b.engine.times_started(b.name()) == 0);
}

TEST_CASE("a daemon that died in a start, and refuses for what the container is, is believed") {
  driver_bench b;
  engine_script refused;
  refused.start_status = 500;
  refused.start_error = "OCI runtime create failed: exec: \"tru\": executable file not found in $PATH: unknown";
  const auto id = b.prepared(b.spec());
  b.engine.inject(wrong(start, fault::close));
  b.engine.script("*", refused);
  b->start(id);
  CHECK(code_of(b.heard->wait_started(id).started) == ec::start_failed);
}

TEST_CASE("who is missing is asked for again before it is lost") {
  driver_bench b;
  const auto id = b.running(b.spec());
  b.engine.inject(wrong(inspect, fault::refuse, 2, 404));
  b.engine.drop_event_streams(); // Makes the driver look.
  REQUIRE(b.engine.wait_for_calls(inspect, 3));
  b.engine.finish(b.name(), 3);
  const auto seen = b.heard->wait_end(id);
  REQUIRE(seen.exited.has_value());
  CHECK(seen.exited->code == 3);
}

TEST_CASE("who is removed by somebody else is lost") {
  driver_bench b;
  const auto id = b.running(b.spec());
  b.engine.remove_outside(b.name());
  const auto seen = b.heard->wait_end(id);
  REQUIRE(seen.lost.has_value());
  CHECK_THAT(*seen.lost, ContainsSubstring("removed by somebody else"));
}

TEST_CASE("an end is heard once, however often it is told, or not at all") {
  for (const int times : {0, 1, 5}) {
    driver_bench b;
    const auto id = b.running(b.spec());
    b.engine.repeat_events(times);
    b.engine.finish(b.name(), 9);
    b.engine.drop_event_streams();
    CHECK(b.heard->wait_end(id).exited->code == 9);
    const auto other = b.running(b.spec(1));
    b.engine.finish(b.name(1), 0);
    b.engine.drop_event_streams();
    b.heard->wait_end(other);
    CHECK(b.heard->of(id).calls == names{"prepared", "started", "exited"});
  }
}

TEST_CASE("an answer that is old or wrong is no verdict") {
  for (const auto what : {fault::stale, fault::garbage_body, fault::refuse, fault::close, fault::too_long}) {
    driver_bench b;
    const auto id = b.running(b.spec());
    b.engine.remember();
    b.engine.inject(wrong(inspect, what, 2));
    b.engine.finish(b.name(), 5);
    const auto seen = b.heard->wait_end(id);
    REQUIRE(seen.exited.has_value());
    CHECK(seen.exited->code == 5);
  }
}

TEST_CASE("a daemon that goes and comes again loses nothing") {
  driver_bench b;
  const auto first = b.running(b.spec(0));
  const auto second = b.running(b.spec(1));
  b.engine.go_away();
  b.engine.finish(b.name(0), 7);
  b.engine.come_back();
  CHECK(b.heard->wait_end(first).exited->code == 7);
  CHECK(b.heard->of(second).calls == names{"prepared", "started"});
  b.engine.finish(b.name(1), 8);
  CHECK(b.heard->wait_end(second).exited->code == 8);
}

TEST_CASE("a daemon that ends its containers is named as the reason") {
  driver_bench b;
  const auto id = b.running(b.spec());
  b.engine.go_away(false);
  b.engine.come_back();
  const auto seen = b.heard->wait_end(id);
  REQUIRE(seen.exited.has_value());
  CHECK(seen.exited->code == 137);
}

TEST_CASE("a start that is sent when the daemon is away happens when it is back") {
  driver_bench b;
  const auto spec = b.spec();
  b.prepared(spec);
  b.engine.go_away();
  b->start(spec.id);
  b.engine.come_back();
  CHECK(fault_of(b.heard->wait_started(spec.id).started).empty());
  CHECK(b.engine.times_started(b.name()) == 1);
}

TEST_CASE("without a daemon nothing can be prepared, for now") {
  driver_bench b;
  b.engine.go_away();
  const auto spec = b.spec();
  b->prepare(spec);
  const auto code = code_of(b.heard->wait_prepared(spec.id).prepared);
  CHECK(kind(code) == error_kind::transient);
  b.engine.come_back();
  b.running(b.spec(1));
}

TEST_CASE("whether a program is there is asked once, and again by another if the one who asked has gone") {
  const std::string look = "HEAD /containers/*/archive";
  driver_bench b;
  b.engine.inject(wrong(look, fault::hold_answer));
  for (std::uint32_t task = 0; task < 3; ++task)
    b->prepare(b.spec(task));
  REQUIRE(b.engine.wait_for_calls(create, 3));
  REQUIRE(b.engine.wait_for_calls(look, 1));
  b.engine.release();
  for (std::uint32_t task = 0; task < 3; ++task)
    CHECK(fault_of(b.heard->wait_prepared(b.spec(task).id).prepared).empty());
  CHECK(b.engine.count(look) == 1);
  driver_bench other;
  other.engine.inject(wrong(look, fault::do_and_close, 2)); // Sent once more by the connection.
  for (std::uint32_t task = 0; task < 3; ++task)
    CHECK(other.prepared(other.spec(task)).task.value == task);
}

TEST_CASE("whoever wants the same image shares one pull") {
  driver_bench b;
  b.engine.add_image("busybox:latest", false);
  b.engine.inject(wrong("POST /images/create", fault::hold_answer));
  for (std::uint32_t task = 0; task < 3; ++task)
    b->prepare(b.spec(task));
  REQUIRE(b.engine.wait_for_calls("POST /images/create", 1));
  b.engine.release();
  for (std::uint32_t task = 0; task < 3; ++task)
    CHECK(fault_of(b.heard->wait_prepared(b.spec(task).id).prepared).empty());
  CHECK(b.engine.count("POST /images/create") == 1);
}

TEST_CASE("a pull that takes long is spoken of to all who wait for it, less and less often") {
  driver_bench b{[](docker_pool_config& config) {
    config.first_pull_note = 20ms;
    config.max_pulls = 1;
  }};
  b.engine.add_image("busybox:latest", false);
  b.engine.add_image("other:1", false);
  b.engine.inject(wrong("POST /images/create", fault::hold_answer, -1));
  auto other = b.spec(2);
  other.task.image = "other:1";
  for (const auto& x : {b.spec(0), b.spec(1), other})
    b->prepare(x);
  for (std::uint32_t task = 0; task < 2; ++task)
    CHECK(b.heard->wait_progress(b.spec(task).id).progress.front() == "pulling busybox:latest");
  CHECK(b.heard->wait_progress(other.id).progress.front() ==
        "waiting to pull other:1: as many as may be are being pulled");
  CHECK(b.heard->of(other.id).calls.empty());
  b.engine.release();
  REQUIRE(b.engine.wait_for_calls("POST /images/create", 2));
  b.engine.release();
  for (const auto& x : {b.spec(0), other})
    CHECK(fault_of(b.heard->wait_prepared(x.id).prepared).empty());
}

TEST_CASE("an image that cannot be had is said to be one") {
  driver_bench b;
  b.engine.fail_pull("private:1", 404,
                     "pull access denied for private, repository does not exist or may require "
                     "'docker login': denied: requested access to the resource is denied");
  b.engine.fail_pull("typo:1", 404, "manifest for typo:1 not found: manifest unknown: manifest unknown");
  std::uint32_t task = 0;
  for (const auto* image : {"private:1", "typo:1"}) {
    auto spec = b.spec(task++);
    spec.task.image = image;
    b->prepare(spec);
    const auto seen = b.heard->wait_prepared(spec.id);
    CHECK(code_of(seen.prepared) == ec::image_pull_failed);
    CHECK_THAT(fault_of(seen.prepared), ContainsSubstring(image));
  }
}

TEST_CASE("who never pulls says that the image is missing, who always pulls does") {
  driver_bench never{[](docker_pool_config& config) { config.pull = pull_policy::never; }};
  auto spec = never.spec();
  spec.task.image = "absent";
  never->prepare(spec);
  CHECK(code_of(never.heard->wait_prepared(spec.id).prepared) == ec::image_pull_failed);
  CHECK(never.engine.count("POST /images/create") == 0);
  driver_bench always{[](docker_pool_config& config) { config.pull = pull_policy::always; }};
  always.prepared(always.spec());
  CHECK(always.engine.count("POST /images/create") == 1);
}

TEST_CASE("a container of that name that is not ours is left alone") {
  driver_bench b;
  REQUIRE(http_call(b.engine.socket(), "POST", "/v1.41/containers/create?name=" + b.name(),
                    R"({"Image":"busybox","Labels":{"muster.head":"ffffffffffff","muster.attempt":"1.0.0"}})")
              .status == 201);
  const auto spec = b.spec();
  b->prepare(spec);
  const auto seen = b.heard->wait_prepared(spec.id);
  CHECK(code_of(seen.prepared) == ec::conflict);
  CHECK_THAT(fault_of(seen.prepared), ContainsSubstring(b.name()));
  b.running(b.spec(1));
  CHECK(b.engine.container(b.name()).has_value());
  CHECK(b.engine.count("DELETE /containers/*") == 0);
  CHECK(b.engine.times_started(b.name()) == 0);
}

TEST_CASE("a container that an earlier runtime started is not started again") {
  driver_bench b;
  b.running(b.spec());
  b.restart();
  const auto id = b.running(b.spec()); // Nothing was adopted.
  CHECK(b.engine.times_created(b.name()) == 1);
  CHECK(b.engine.times_started(b.name()) == 1);
  b.engine.finish(b.name(), 2);
  CHECK(b.heard->wait_end(id).exited->code == 2);
}

TEST_CASE("stopped while its container is being made, it is canceled at once and nothing is left") {
  driver_bench b;
  b.engine.inject(wrong(create, fault::hold));
  const auto spec = b.spec();
  b->prepare(spec);
  REQUIRE(b.engine.wait_for_calls(create, 1));
  b->stop(spec.id, 0ms);
  CHECK(code_of(b.heard->wait_prepared(spec.id).prepared) == ec::canceled);
  b.engine.release();
  CHECK(eventually([&] { return b.engine.times_created(b.name()) == 1; }));
  CHECK(is_gone(b));
  CHECK(b.engine.times_started(b.name()) == 0);
  // And the same attempt may be prepared again.
  auto again = spec;
  again.then_start = true;
  b->prepare(again);
  CHECK(fault_of(b.heard->wait_started(spec.id).started).empty());
}

TEST_CASE("stopped while its image is pulled, it is canceled at once and others go on") {
  driver_bench b;
  b.engine.add_image("busybox:latest", false);
  b.engine.inject(wrong("POST /images/create", fault::hold_answer));
  const auto first = b.spec(0);
  b->prepare(first);
  b->prepare(b.spec(1));
  REQUIRE(b.engine.wait_for_calls("POST /images/create", 1));
  b->stop(first.id, 0ms);
  CHECK(code_of(b.heard->wait_prepared(first.id).prepared) == ec::canceled);
  b.engine.release();
  CHECK(fault_of(b.heard->wait_prepared(b.spec(1).id).prepared).empty());
}

TEST_CASE("what is not ready in time fails as late, and nothing is left once the daemon answers") {
  for (const std::string& route : {create, std::string{"POST /images/create"}}) {
    INFO(route);
    driver_bench b{[](docker_pool_config& config) { config.prepare_timeout = 100ms; }};
    b.engine.add_image("busybox:latest", false);
    b.engine.inject(wrong(route, fault::hold, -1));
    b->prepare(b.spec());
    const auto seen = b.heard->wait_prepared(b.spec().id);
    CHECK(code_of(seen.prepared) == ec::start_timeout);
    CHECK(fault_of(seen.prepared) == "it was not ready to start within 100ms");
    b.engine.release();
    CHECK(is_gone(b));
    CHECK(b.engine.times_started(b.name()) == 0);
  }
}

TEST_CASE("a start that the daemon does not answer fails as late, and what comes of it is removed") {
  driver_bench b{[](docker_pool_config& config) { config.start_timeout = 100ms; }};
  const auto id = b.prepared(b.spec());
  b.engine.inject(wrong(start, fault::hold, -1));
  b->start(id);
  const auto seen = b.heard->wait_started(id);
  CHECK(code_of(seen.started) == ec::start_timeout);
  CHECK_THAT(fault_of(seen.started), ContainsSubstring("did not start it within 100ms"));
  CHECK(b.engine.count(start) == 1);
  b.engine.release();
  CHECK(is_gone(b));
}

TEST_CASE("a start is late if nobody listens all the time") {
  driver_bench b{[](docker_pool_config& config) { config.start_timeout = 100ms; }};
  const auto id = b.prepared(b.spec());
  b.engine.go_away();
  b->start(id);
  CHECK(code_of(b.heard->wait_started(id).started) == ec::start_timeout);
  b.engine.come_back();
  CHECK(is_gone(b));
}

TEST_CASE("a start that the daemon has, and says nothing of at all, may have been carried out") {
  driver_bench b{[](docker_pool_config& config) { config.start_timeout = 100ms; }};
  const auto id = b.prepared(b.spec());
  b.engine.inject(wrong(start, fault::hold, -1));
  b.engine.inject(wrong(inspect, fault::close, -1));
  b.engine.inject(wrong("DELETE /containers/*", fault::refuse, 2));
  b->start(id);
  CHECK(b.heard->wait_end(id).calls == names{"prepared", "lost"});
  CHECK(b.engine.count(start) == 1);
  b->remove(id);
  b.engine.release();
  CHECK(is_gone(b));
}

TEST_CASE("a gang is in one network, which goes with the last of it") {
  driver_bench b;
  b.engine.inject(wrong("DELETE /networks/*", fault::refuse, 2));
  for (std::uint32_t task = 0; task < 2; ++task)
    b.running(b.spec(task, 2));
  REQUIRE(b.engine.networks().size() == 1);
  CHECK(b.engine.networks().front() == "muster-00112233aabb-1-gang-10.213.16.0");
  for (std::uint32_t task = 0; task < 2; ++task)
    b.engine.finish(b.name(task), 0);
  b.heard->wait_end(b.spec(0, 2).id);
  b->remove(b.spec(0, 2).id);
  CHECK(is_gone(b, 0));
  CHECK(b.engine.networks().size() == 1);
  b.heard->wait_end(b.spec(1, 2).id);
  b->remove(b.spec(1, 2).id);
  CHECK(eventually([&] { return b.engine.networks().empty(); }));
}

TEST_CASE(
    "a network that the daemon does not let go of keeps nobody waiting, and is asked for when the daemon is back") {
  constexpr std::size_t tries = 6;
  const std::string remove_network = "DELETE /networks/*";
  driver_bench b;
  b.engine.inject(wrong(remove_network, fault::refuse, -1, 403));
  const auto spec = b.spec(0, 2);
  b.running(spec);
  b.engine.finish(b.name(), 0);
  b.heard->wait_end(spec.id);
  b->remove(spec.id);
  REQUIRE(b.engine.wait_for_calls(remove_network, tries));
  b.engine.go_away();
  b.engine.come_back();
  REQUIRE(b.engine.wait_for_calls(remove_network, tries + 1));
  b.restart(); // An end that waited for it would ask more often.
  CHECK(b.engine.count(remove_network) <= tries + 3);
  CHECK(b.engine.networks().size() == 1);
}

TEST_CASE("a network that is there already, of the same head, is used") {
  for (const auto what : {fault::do_and_close, fault::do_and_refuse, fault::close, fault::refuse}) {
    driver_bench b;
    b.engine.inject(wrong("POST /networks/create", what));
    b.running(b.spec(0, 2));
    CHECK(b.engine.networks().size() == 1);
  }
}

TEST_CASE("a removal that fails is tried again") {
  driver_bench b;
  const auto id = b.running(b.spec());
  b.engine.finish(b.name(), 0);
  b.heard->wait_end(id);
  b.engine.inject(wrong("DELETE /containers/*", fault::refuse, 3));
  b->remove(id);
  CHECK(is_gone(b));
}

TEST_CASE("a restart finds what runs, what has ended, what was made, and what is gone") {
  driver_bench b;
  for (std::uint32_t task = 0; task < 4; ++task)
    b.running(b.spec(task));
  b.prepared(b.spec(4));
  b.engine.finish(b.name(1), 11);
  b.heard->wait_end(b.spec(1).id);
  b.restart();
  b.engine.remove_outside(b.name(3));
  b.engine.inject(wrong("GET /_ping", fault::refuse, 2));
  const auto found = b->adopt({b.spec(0), b.spec(1), b.spec(3), b.spec(4), b.spec(5)});
  REQUIRE(found.ok());
  CHECK(*found == std::vector<adoption>{adoption::running, adoption::exited, adoption::lost, adoption::never_started,
                                        adoption::never_started});
  CHECK(b.heard->wait_end(b.spec(1).id).exited->code == 11);
  b.engine.finish(b.name(0), 12);
  CHECK(b.heard->wait_end(b.spec(0).id).exited->code == 12);
  // Made once, started once.
  b.running(b.spec(4));
  CHECK(b.engine.times_created(b.name(4)) == 1);
  CHECK(b.engine.times_started(b.name(4)) == 1);
  // Nobody asked for this one of the same workflow.
  CHECK(b.engine.container(b.name(2)).has_value());
  b->clean(workflow_key{2});
  b->clean(workflow_key{1});
  CHECK(is_gone(b, 2));
  CHECK(b.engine.container(b.name(4)).has_value());
}

TEST_CASE("what is left of attempts that are over is removed, and nothing that lives") {
  driver_bench b;
  for (std::uint32_t task = 0; task < 3; ++task)
    b.running(b.spec(task));
  b.running(b.spec(3, 5)); // Of a gang, in a network of its own.
  for (const std::uint32_t task : {0U, 1U})
    b.engine.finish(b.name(task), 0);
  b.restart();
  std::atomic<int> asked{0};
  const auto over = [&](std::set<std::uint32_t> tasks, bool workflow) {
    return leftover_judge{[workflow](workflow_key) { return workflow; },
                          [tasks = std::move(tasks), &asked](attempt_id id) {
                            ++asked;
                            return tasks.count(id.task.value) != 0;
                          }};
  };
  b->clean_up(over({0}, false));
  CHECK(is_gone(b, 0));
  CHECK(b.engine.containers().size() == 3);
  CHECK(b.engine.networks().size() == 2);
  // Whatever is recorded of it: this one was found, and is looked after.
  REQUIRE(b->adopt({b.spec(2)}).ok());
  const auto before = asked.load();
  b->clean_up(over({1, 2, 3}, true));
  CHECK(is_gone(b, 1));
  CHECK(is_gone(b, 3));
  CHECK(asked > before);
  CHECK(b.engine.container(b.name(2)).has_value());
  CHECK(eventually([&] { return b.engine.networks().size() == 1; }));
}

TEST_CASE("what was made for another address is made again") {
  driver_bench b;
  b.prepared(b.spec());
  b.restart();
  auto moved = b.spec();
  moved.address = "10.213.0.99";
  moved.peers = {{moved.task.name, moved.address}};
  b.running(moved);
  CHECK(b.engine.times_created(b.name()) == 2);
  CHECK(b.engine.times_started(b.name()) == 1);
}

TEST_CASE("an adopted attempt can be stopped") {
  driver_bench b;
  b.running(b.spec());
  b.restart();
  REQUIRE(b->adopt({b.spec()}).ok());
  b->stop(b.spec().id, 10s);
  CHECK(b.heard->wait_end(b.spec().id).exited->signal == 15);
}
