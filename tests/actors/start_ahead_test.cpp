#include "actor_fixture.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <random>

// Tasks that wait for a place are got ready behind those that have one, where those are short.

using namespace muster;
using namespace muster::test;
using namespace std::chrono_literals;

namespace {

std::vector<spec::task> many(std::size_t count) {
  std::vector<spec::task> out;
  for (std::size_t i = 0; i < count; ++i)
    out.push_back(make_task("t" + std::to_string(i)));
  return out;
}

std::size_t number_of(const std::string& task) {
  return std::stoul(task.substr(1));
}

/// All of them run for so long.
auto running_for(std::chrono::milliseconds x) {
  return [x](const std::string&, std::uint32_t) { return script{ec::none, ec::none, false, 0, x}; };
}

/// Until it has ended; false if it has not in a second.
bool run_in_small_steps(actor_fixture& f) {
  f.settle();
  for (int i = 0; i < 1000 && f.ended() == status::unspecified; ++i)
    f.advance(1ms);
  return f.ended() != status::unspecified;
}

/// A task that is ready in the executor and has not started; empty if there is none.
std::string ready_task(const actor_fixture& f) {
  for (const auto& call : f.calls()) {
    const auto name = call.substr(0, call.find(' ', 8)).substr(8);
    if (call.compare(0, 8, "prepare ") == 0 && f.position("start " + name + " 0") == -1)
      return name;
  }
  return {};
}

} // namespace

TEST_CASE("short tasks start when another ends, and no more run at a time than may") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    INFO("seed " << seed);
    actor_fixture f{seed};
    f.offered.starts_after = true;
    f.behaviour = running_for(2ms);
    f.begin(make_workflow(many(300)));
    REQUIRE(run_in_small_steps(f));
    CHECK(f.ended() == status::completed);
    CHECK(f.started_after() > 200);
    CHECK(f.most_live() == 4);
    std::size_t starts = 0;
    for (const auto& call : f.calls())
      starts += call.compare(0, 6, "start ") == 0 ? 1U : 0U;
    CHECK(starts == 300);
  }
}

TEST_CASE("no more run at a time than may where several ends are told at once and heard of in any order") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    INFO("seed " << seed);
    actor_fixture f{seed};
    f.offered.starts_after = true;
    f.holds_news_for = 8ms;
    f.behaviour = [](const std::string& task, std::uint32_t) {
      return script{ec::none, ec::none, false, 0, std::chrono::milliseconds{1 + number_of(task) % 3}};
    };
    f.begin(make_workflow(many(300)));
    REQUIRE(run_in_small_steps(f));
    CHECK(f.ended() == status::completed);
    CHECK(f.started_after() > 200);
    CHECK(f.most_live() == 4);
  }
}

TEST_CASE("no more run at a time than may where some could not be prepared when others waited for them already") {
  std::size_t most_ahead = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    INFO("seed " << seed);
    actor_fixture f{seed};
    f.offered.starts_after = true;
    f.policy.backoff.first = 5ms;
    std::mt19937_64 random{seed};
    f.behaviour = [&random](const std::string&, std::uint32_t) {
      script x;
      x.prepare_problem = random() % 10 == 0 ? ec::unavailable : ec::none;
      x.runs_for = std::chrono::milliseconds{random() % 60 == 0 ? 60 : 1 + random() % 3};
      return x;
    };
    f.begin(make_workflow(many(300)));
    REQUIRE(run_in_small_steps(f));
    most_ahead = std::max(most_ahead, f.started_after());
    CHECK(f.most_live() <= 4);
  }
  CHECK(most_ahead > 50);
}

TEST_CASE("a task that is ready behind another still waits, says for what, and may be canceled") {
  actor_fixture f;
  f.offered.starts_after = true;
  f.behaviour = [](const std::string& task, std::uint32_t) {
    return script{ec::none, ec::none, false, 0, number_of(task) < 40 ? 1ms : -1ms};
  };
  f.begin(make_workflow(many(60)));
  for (int i = 0; i < 60; ++i)
    f.advance(1ms);
  const auto ready = ready_task(f);
  REQUIRE_FALSE(ready.empty());
  CHECK(f.task_status(ready) == status::scheduling);
  CHECK_THAT(f.task_text(ready), ContainsSubstring("waiting for 1 CPU"));
  f.cancel(false);
  REQUIRE(f.run_until_finished());
  CHECK(f.ended() == status::failed_canceled);
  CHECK(f.task_status(ready) == status::failed_canceled);
  CHECK(f.position("start " + ready + " 0") == -1);
}

TEST_CASE("nobody waits behind a long task while a place is free") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    INFO("seed " << seed);
    actor_fixture f{seed};
    f.offered.starts_after = true;
    // Three of four places are taken for good, with others ready behind them.
    f.behaviour = [](const std::string& task, std::uint32_t) {
      const auto n = number_of(task);
      return script{ec::none, ec::none, false, 0, n >= 40 && n < 43 ? 1'000'000ms : 1ms};
    };
    f.begin(make_workflow(many(200)));
    for (int i = 0; i < 1000; ++i)
      f.advance(1ms);
    for (const auto* kept : {"t40", "t41", "t42"})
      CHECK(f.task_status(kept) == status::running);
    for (int n = 0; n < 200; ++n)
      if (n < 40 || n > 42)
        CHECK(f.task_status("t" + std::to_string(n)) == status::completed);
    CHECK(f.most_live() == 4);
    f.cancel(true);
    CHECK(f.run_until_finished());
  }
}

TEST_CASE("behind long tasks, and those that may ask for another attempt, nobody is got ready") {
  actor_fixture f;
  f.offered.starts_after = true;
  auto tasks = many(60);
  SECTION("long") {
    f.behaviour = running_for(100ms);
  }
  SECTION("with retries") {
    f.behaviour = running_for(1ms);
    for (auto& x : tasks)
      x.exit_actions.push_back({spec::exit_action::reschedule, {{7, 7}}, "7"});
  }
  f.begin(make_workflow(std::move(tasks)));
  f.settle();
  for (int i = 0; i < 20; ++i)
    f.advance(1ms);
  REQUIRE(f.run_until_finished());
  CHECK(f.ended() == status::completed);
  CHECK(f.started_after() == 0);
}

TEST_CASE("a task that needs more is not passed by those that come later") {
  actor_fixture f;
  f.offered.starts_after = true;
  f.behaviour = running_for(1ms);
  auto tasks = many(400);
  auto w = make_workflow(std::move(tasks));
  w.groups.insert(w.groups.begin() + 100, make_group("gang", {make_task("g1"), make_task("g2"), make_task("g3")}));
  f.begin(w);
  REQUIRE(run_in_small_steps(f));
  CHECK(f.ended() == status::completed);
  CHECK(f.started_after() > 100);
  // Without anybody got ready, a later one may pass it 256 times.
  CHECK(f.position("start g1 0") != -1);
  CHECK(f.position("start g1 0") < f.position("start t380 0"));
}
