#include "process_bench.hpp"
#include "warden_alone.hpp"

#include "executors/process/warden/procfs.hpp"
#include "executors/process/warden/start_queue.hpp"

#include "support/catch.hpp"

#include <csignal>
#include <fstream>

// Attempts that start when another has ended: real processes, and the warden's list of those that wait.

using namespace muster;
using namespace muster::test;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

attempt_spec following(const process_bench& b, const std::string& script, std::uint32_t task, std::uint32_t after) {
  auto x = b.shell(script, task);
  x.then_start = true;
  x.after = attempt_id{x.id.workflow, task_index{after}, 0};
  return x;
}

/// Runs until its folder's `name` is there.
std::string until(const fs::path& name) {
  return "until [ -e " + name.string() + " ]; do sleep 0.01; done";
}

} // namespace

TEST_CASE("attempts start one after the other, in the order they wait in, each when the other is over") {
  process_bench b;
  const auto order = b.state / "order";
  const auto first = b.shell(until(b.state / "go") + "; echo first >> " + order.string());
  b.start(first);
  constexpr std::uint32_t count = 5;
  std::vector<attempt_spec> rest;
  for (std::uint32_t i = 1; i <= count; ++i) {
    rest.push_back(following(b, "echo " + std::to_string(i) + " >> " + order.string(), i, i - 1));
    b->prepare(rest.back());
  }
  // Whoever is prepared after them has been taken in after them.
  b.run(b.shell("true", 99));
  for (const auto& x : rest)
    CHECK(b.heard.of(x.id).calls.empty());
  write_text(b.state / "go", "");
  for (const auto& x : rest) {
    const auto seen = b.heard.wait_end(x.id);
    CHECK(seen.calls == std::vector<std::string>{"started", "exited"});
    CHECK(seen.exited->code == 0);
  }
  CHECK(read_text(order) == "first\n1\n2\n3\n4\n5\n");
  auto before = *b.heard.of(first.id).exited;
  for (const auto& x : rest) {
    const auto seen = *b.heard.of(x.id).exited;
    CHECK(seen.started >= before.ended);
    before = seen;
  }
}

TEST_CASE("an attempt whose place is free already starts at once") {
  process_bench b;
  b.run(b.shell("true"));
  const auto next = following(b, "true", 1, 0);
  b->prepare(next);
  CHECK(b.heard.wait_end(next.id).exited->code == 0);
}

TEST_CASE("an attempt that waits is started by `start`, and not again when the other ends") {
  process_bench b;
  const auto first = b.shell(until(b.state / "go"));
  b.start(first);
  const auto next = following(b, "echo once", 1, 0);
  b->prepare(next);
  b->start(next.id);
  b->start(next.id);
  CHECK(b.heard.wait_end(next.id).exited->code == 0);
  write_text(b.state / "go", "");
  b.heard.wait_end(first.id);
  b->start(next.id);
  b.run(b.shell("true", 99));
  CHECK(b.heard.of(next.id).calls == std::vector<std::string>{"started", "exited"});
  CHECK(b.log_of(next) == "once\n");
}

TEST_CASE("an attempt that waits is stopped before its start, and those behind it wait for their own") {
  process_bench b;
  const auto first = b.shell(until(b.state / "go"));
  b.start(first);
  const auto second = following(b, "true", 1, 0);
  const auto third = following(b, "true", 2, 1);
  b->prepare(second);
  b->prepare(third);
  b->stop(second.id, 10s);
  const auto seen = b.heard.wait_end(second.id);
  REQUIRE(seen.exited);
  CHECK(seen.exited->signal == SIGTERM);
  CHECK(seen.exited->started == timestamp{});
  CHECK(seen.exited->message == "stopped before its start");
  CHECK_FALSE(fs::exists(second.folder.string() + ".log"));
  write_text(b.state / "go", "");
  b.heard.wait_end(first.id);
  b->remove(second.id);
  b.run(b.shell("true", 99));
  CHECK(b.heard.of(third.id).calls.empty()); // Nobody ended that it waits for.
  b->start(third.id);
  CHECK(b.heard.wait_end(third.id).exited->code == 0);
}

TEST_CASE("nobody starts after one that does not hand its place on") {
  process_bench b;
  auto first = b.shell(until(b.state / "go"));
  first.hands_on = false;
  b.start(first);
  const auto next = following(b, "true", 1, 0);
  b->prepare(next);
  write_text(b.state / "go", "");
  CHECK(b.heard.wait_end(first.id).exited->code == 0);
  b.run(b.shell("true", 99));
  CHECK(b.heard.of(next.id).calls.empty());
  b->start(next.id);
  CHECK(b.heard.wait_end(next.id).exited->code == 0);
}

TEST_CASE("who is stopped in the moment in which another hands its place on does not start") {
  warden_alone warden;
  auto first = warden.sleeper(0);
  first.refuse_code = 127; // It ends where it is started.
  const auto next = warden.sleeper(1);
  warden.state.start_after({first.id, next}, warden.news);
  warden.state.start(first, warden.news);
  warden.state.stop({next.id, 0}, warden.news);
  warden.state.advance(warden.news);
  CHECK(warden.state.idle());
  CHECK_FALSE(fs::exists(next.folder + ".log"));
}

TEST_CASE("nobody starts after one that was stopped") {
  process_bench b;
  const auto first = b.shell("sleep 1000");
  b.start(first);
  const auto next = following(b, "true", 1, 0);
  b->prepare(next);
  b->stop(first.id, 10s);
  CHECK(b.heard.wait_end(first.id).exited->signal == SIGTERM);
  b.run(b.shell("true", 99));
  CHECK(b.heard.of(next.id).calls.empty());
  b->start(next.id);
  CHECK(b.heard.wait_end(next.id).exited->code == 0);
}

TEST_CASE("nobody starts after one that was not started, that is not known, or that publishes outputs") {
  process_bench b;
  const auto first = b.shell("true");
  const auto refused = b.shell("true", 1);
  write_text(refused.folder.string() + ".log", "an earlier start");
  const auto behind_unknown = following(b, "true", 2, 77);
  b->prepare(behind_unknown);
  auto publishing = b.shell("echo x > \"$MUSTER_OUTPUT/x\"", 3);
  publishing.task.outputs.push_back({"file://" + (b.state / "published").string(), {}});
  const auto behind_publishing = following(b, "true", 4, 3);
  b->prepare(behind_publishing);
  b.run(publishing);
  b.run(b.shell("true", 99));
  for (const auto& x : {behind_unknown, behind_publishing}) {
    CHECK(b.heard.of(x.id).calls.empty());
    b->start(x.id);
    CHECK(b.heard.wait_end(x.id).exited->code == 0);
  }
}

TEST_CASE("a command that cannot run makes way for the next") {
  process_bench b;
  const auto first = b.shell(until(b.state / "go"));
  b.start(first);
  auto wrong = following(b, "", 1, 0);
  wrong.task.command = {"/nonexistent/program"};
  b->prepare(wrong);
  const auto last = following(b, "true", 2, 1);
  b->prepare(last);
  write_text(b.state / "go", "");
  CHECK(b.heard.wait_end(wrong.id).exited->code == 127);
  CHECK(b.heard.wait_end(last.id).exited->code == 0);
}

TEST_CASE("when the warden is killed those that wait are told to the next one, and wait for `start`") {
  process_bench b;
  const auto first = b.shell(until(b.state / "go"));
  b.start(first);
  const auto next = following(b, "echo once", 1, 0);
  b->prepare(next);
  b.run(b.shell("true", 98)); // It has been taken in.
  const auto old = b.warden();
  REQUIRE(old != 0);
  ::kill(old, SIGKILL);
  REQUIRE(eventually([&] { return b.warden() != 0 && b.warden() != old; }));
  b.run(b.shell("true", 99));
  write_text(b.state / "go", "");
  CHECK(b.heard.wait_end(first.id).lost); // How it ended nobody saw.
  CHECK(b.heard.of(next.id).calls.empty());
  b->start(next.id);
  CHECK(b.heard.wait_end(next.id).exited->code == 0);
  CHECK(b.log_of(next) == "once\n");
}

TEST_CASE("what waits when the runtime goes away is not started by the warden, and can be started by the next") {
  scratch folder;
  attempt_spec first;
  attempt_spec next;
  {
    process_bench b{folder.path()};
    first = b.shell(until(b.state / "go"));
    b.start(first);
    next = following(b, "echo once", 1, 0);
    b->prepare(next);
    b.run(b.shell("true", 99)); // It has been taken in.
  }
  process_bench b{folder.path()};
  const auto found = b->adopt({first, next});
  REQUIRE(found);
  CHECK(*found == std::vector<adoption>{adoption::running, adoption::never_started});
  write_text(b.state / "go", "");
  b.heard.wait_end(first.id);
  b.run(b.shell("true", 98));
  CHECK(b.heard.of(next.id).calls.empty());
  next.after.reset();
  b->prepare(next);
  CHECK(b.heard.wait_end(next.id).exited->code == 0);
  CHECK(b.log_of(next) == "once\n");
}

TEST_CASE("starts that wait are told apart, taken once, and forgotten together") {
  using process::start_queue;
  const auto id = [](std::uint32_t task) { return attempt_id{workflow_key{1}, task_index{task}, 0}; };
  const auto start = [&](std::uint32_t task, std::uint32_t after) {
    process::wire::following_start x;
    x.after = id(after);
    x.what.id = id(task);
    return x;
  };
  start_queue q;
  q.add(start(2, 1));
  q.add(start(2, 9)); // Told again: the first counts.
  q.add(start(3, 2));
  CHECK(q.has(id(2)));
  CHECK(q.follower_of(id(1)) == id(2));
  CHECK_FALSE(q.follower_of(id(9)));
  SECTION("by the end of the other") {
    CHECK(q.take_follower(id(1))->id == id(2));
    CHECK_FALSE(q.take_follower(id(1)));
    CHECK_FALSE(q.take(id(2)));
    CHECK(q.follower_of(id(2)) == id(3));
  }
  SECTION("by name") {
    CHECK(q.take(id(2))->id == id(2));
    CHECK_FALSE(q.follower_of(id(1)));
    CHECK(q.take_follower(id(2))->id == id(3));
  }
  SECTION("all of them") {
    q.clear();
    CHECK_FALSE(q.has(id(2)));
    CHECK_FALSE(q.take_follower(id(2)));
  }
}
