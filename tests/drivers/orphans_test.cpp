#include "process_bench.hpp"

#include "executors/process/warden/orphans.hpp"

#include "support/catch.hpp"

#include <csignal>

#include <unistd.h>

// Nothing of a task is left behind, whatever it does.

using namespace muster;
using namespace muster::test;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

TEST_CASE("processes left in the group end before the exit is told") {
  process_bench b;
  const auto seconds = unique_seconds();
  const auto seen = b.run("sleep " + seconds + " & exit 3");
  CHECK(seen.exited->code == 3);
  CHECK_FALSE(sleeps(seconds));
  CHECK_THAT(seen.exited->message, ContainsSubstring("left behind"));
}

TEST_CASE("a daemon in a session of its own ends before the exit is told") {
  process_bench b;
  const auto seconds = unique_seconds();
  CHECK(b.run("(setsid sleep " + seconds + " >/dev/null 2>&1 &) ; exit 0").exited->code == 0);
  CHECK_FALSE(sleeps(seconds));
}

TEST_CASE("a daemon that ignores SIGTERM and wiped its environment is killed") {
  process_bench b;
  const auto seconds = unique_seconds();
  CHECK(b.run("(env -i setsid sh -c 'trap \"\" TERM; touch ready; sleep " + seconds +
              "' >/dev/null 2>&1 &); while ! [ -e ready ]; do :; done; exit 0")
            .exited->code == 0);
  CHECK_FALSE(sleeps(seconds));
}

TEST_CASE("a tree of daemons ends, root and leaves") {
  process_bench b;
  const auto seconds = unique_seconds();
  b.run("(setsid sh -c 'setsid sh -c \"setsid sleep " + seconds + " & sleep " + seconds + "\" & sleep " + seconds +
        "' &) ; sleep 0.2");
  CHECK_FALSE(sleeps(seconds));
}

TEST_CASE("stop reaches the whole group and what left it") {
  process_bench b;
  const auto seconds = unique_seconds();
  const auto x = b.shell("sleep " + seconds + " & setsid sleep " + seconds + " & (setsid sleep " + seconds +
                         " &); touch ready; wait");
  b.start(x);
  REQUIRE(eventually([&] { return fs::exists(x.folder / "work/ready"); }));
  b->stop(x.id, 10'000ms);
  const auto seen = b.heard.wait_end(x.id);
  REQUIRE(seen.exited.has_value());
  CHECK(seen.exited->signal == SIGTERM);
  CHECK_FALSE(sleeps(seconds));
}

TEST_CASE("a stopped process ends too") {
  process_bench b;
  const auto x = b.shell("touch ready; kill -STOP $$; sleep 60");
  b.start(x);
  REQUIRE(eventually([&] {
    const auto all = processes_with("MUSTER_ATTEMPT_FOLDER=" + x.folder.string());
    return std::any_of(all.begin(), all.end(), [](pid_t pid) {
      const auto facts = process::facts_of(pid);
      return facts && facts->state == 'T';
    });
  }));
  b->stop(x.id, 10'000ms);
  const auto seen = b.heard.wait_end(x.id);
  REQUIRE(seen.exited.has_value());
  CHECK(seen.exited->signal == SIGTERM);
}

TEST_CASE("a task may end politely within its grace") {
  process_bench b;
  const auto x = b.shell("trap 'echo bye; exit 7' TERM; touch ready; while :; do sleep 0.01; done");
  b.start(x);
  REQUIRE(eventually([&] { return fs::exists(x.folder / "work/ready"); }));
  b->stop(x.id, 10'000ms);
  const auto seen = b.heard.wait_end(x.id);
  REQUIRE(seen.exited.has_value());
  CHECK(seen.exited->code == 7);
  CHECK_THAT(b.log_of(x), ContainsSubstring("bye"));
}

TEST_CASE("one task's end does not touch another's processes") {
  process_bench b;
  const auto seconds = unique_seconds();
  const auto stays = b.shell("(setsid sleep " + seconds + " &); touch ready; sleep 60", 1);
  b.start(stays);
  REQUIRE(eventually([&] { return fs::exists(stays.folder / "work/ready") && sleeps(seconds); }));
  for (std::uint32_t i = 2; i < 6; ++i)
    b.run(b.shell("(setsid sleep 60 &) ; true", i));
  CHECK(sleeps(seconds));
  b->stop(stays.id, 0ms);
  CHECK(b.heard.wait_end(stays.id).exited.has_value());
  CHECK_FALSE(sleeps(seconds));
}

TEST_CASE("many zombies at once are reaped") {
  process_bench b;
  const auto x = b.shell("i=0; while [ $i -lt 300 ]; do (sleep 0.01 &) ; i=$((i+1)); done; exit 4");
  CHECK(b.run(x).exited->code == 4);
  CHECK(processes_with("MUSTER_ATTEMPT_FOLDER=" + x.folder.string()).empty());
}

TEST_CASE("whose an orphan is") {
  using process::owners_of;
  using process::possible_owner;
  const attempt_id a{workflow_key{1}, task_index{1}, 0};
  const attempt_id c{workflow_key{1}, task_index{2}, 0};
  const std::vector<possible_owner> alive{{a, "/a", 100, 1000}, {c, "/c", 200, 2000}};
  process::process_facts facts;
  facts.start_ticks = 2500;
  const auto is = [](const std::vector<attempt_id>& found, const std::vector<attempt_id>& expected) {
    return found == expected;
  };
  facts.session = 200;
  CHECK(is(owners_of(facts, "/a", alive, {}), {c})); // The session counts more than a name it may have inherited.
  facts.session = 300;
  CHECK(is(owners_of(facts, "/a", alive, {}), {a}));
  CHECK(is(owners_of(facts, "/elsewhere", alive, {{300, c}}), {c}));
  CHECK(is(owners_of(facts, std::nullopt, alive, {}), {a, c}));
  facts.start_ticks = 1500;
  CHECK(is(owners_of(facts, std::nullopt, alive, {}), {a}));
  facts.start_ticks = 10;
  CHECK(owners_of(facts, std::nullopt, alive, {}).empty());
}

TEST_CASE("the facts of a process with a nasty name") {
  const auto facts = process::parse_stat("42 (a) R 1 (b)) S 7 8 9 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0\n");
  REQUIRE(facts.has_value());
  CHECK(facts->state == 'S');
  CHECK(facts->parent == 7);
  CHECK(facts->group == 8);
  CHECK(facts->session == 9);
  CHECK(facts->start_ticks == 4711);
  CHECK_FALSE(process::parse_stat("").has_value());
  CHECK_FALSE(process::parse_stat("42 (x)").has_value());
}
