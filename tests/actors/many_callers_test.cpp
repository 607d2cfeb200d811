#include "actor_fixture.hpp"

#include "actors/ask.hpp"
#include "actors/runtime.hpp"
#include "actors/system_config.hpp"
#include "executors/null/null_driver.hpp"
#include "muster/store/reader.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <atomic>
#include <thread>

using namespace muster;
using namespace muster::test;

namespace {

std::chrono::steady_clock::time_point deadline() {
  return std::chrono::steady_clock::now() + std::chrono::seconds{60};
}

std::unique_ptr<runtime> start(const std::filesystem::path& state, duration run) {
  runtime_config x;
  x.state_directory = state;
  null_config how;
  how.run = run;
  x.pools.push_back({"local", make_null_driver(how)});
  auto started = runtime::start(std::move(x));
  if (!started)
    FAIL(started.failure().message);
  return std::move(*started);
}

struct mute_state {
  static inline const char* name = "mute";
  std::vector<caf::typed_response_promise<std::string>> unanswered;
};

/// Never answers.
node_actor::behavior_type mute_node(node_actor::stateful_pointer<mute_state> self) {
  return {
      [self](join_atom, const pool_actor&) -> caf::result<std::string> {
        self->state.unanswered.push_back(self->make_response_promise<std::string>());
        return self->state.unanswered.back();
      },
  };
}

submission_info info() {
  return {"text", "muster", "{}"};
}

} // namespace

TEST_CASE("many threads may call a runtime at once") {
  const temporary_folder state;
  auto r = start(state.path(), std::chrono::milliseconds{5});
  std::atomic<int> wrong{0};
  std::atomic<int> canceled{0};
  const auto expect = [&](bool good) {
    if (!good)
      ++wrong;
  };
  const auto work = [&](int who) {
    const auto w = make_workflow({make_task("a"), make_task("b", {"a"})});
    for (int i = 0; i < 20; ++i) {
      const auto x = r->submit(w, info());
      expect(x.ok());
      if (!x)
        continue;
      if ((who + i) % 3 == 0) {
        const auto done = r->cancel(x->key, "enough", i % 2 == 0);
        expect(done || done.failure().code == ec::conflict);
        canceled += done ? 1 : 0;
      }
      expect(r->pools().ok());
      expect(r->check(w, "").ok());
      expect(r->measures().submissions > 0);
      const auto early = r->retry(x->id, {});
      expect(early || early.failure().code == ec::conflict);
      expect(r->wait(x->key, deadline()).has_value());
    }
  };
  std::vector<std::thread> threads;
  for (int who = 0; who < 12; ++who)
    threads.emplace_back(work, who);
  for (auto& x : threads)
    x.join();
  CHECK(wrong == 0);
  CHECK(canceled > 0);
  CHECK(r->measures().submissions == 12 * 20);
  CHECK_FALSE(r->failure());
}

TEST_CASE("one retry of several at the same time is taken") {
  const temporary_folder state;
  auto r = start(state.path(), std::chrono::hours{1});
  const auto x = r->submit(make_workflow({make_task("a")}), info());
  REQUIRE(x);
  REQUIRE(r->cancel(x->key, "enough", true));
  REQUIRE(r->wait(x->key, deadline()) == status::failed_canceled);
  std::atomic<int> taken{0};
  std::atomic<int> conflicts{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      const auto again = r->retry(x->id, {});
      taken += again ? 1 : 0;
      conflicts += !again && again.failure().code == ec::conflict ? 1 : 0;
    });
  for (auto& t : threads)
    t.join();
  CHECK(taken == 1);
  CHECK(conflicts == 7);
}

TEST_CASE("who waits too long for an answer is told") {
  system_config config{1};
  caf::actor_system system{config};
  const auto mute = system.spawn(mute_node);
  const auto late = ask<std::string>(system, std::chrono::milliseconds{20}, mute, join_atom::value, pool_actor{});
  REQUIRE_FALSE(late);
  CHECK(late.failure().code == ec::unavailable);
  CHECK_THAT(late.failure().message, ContainsSubstring("no answer within 20 ms"));
  caf::anon_send_exit(mute, caf::exit_reason::user_shutdown);
  system.await_all_actors_done();
  const auto gone = ask<std::string>(system, std::chrono::seconds{60}, mute, join_atom::value, pool_actor{});
  REQUIRE_FALSE(gone);
  CHECK(gone.failure().code == ec::unavailable);
}
