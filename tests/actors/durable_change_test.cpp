#include "actors/durable_change.hpp"

#include "actors/errors.hpp"
#include "actors/mailbox_meter.hpp"
#include "actors/runtime.hpp"
#include "actors/system_config.hpp"
#include "executors/null/null_driver.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <caf/all.hpp>

#include <atomic>
#include <chrono>
#include <deque>
#include <future>

using namespace muster;
using namespace muster::test;

namespace {

using namespace std::chrono_literals;

struct late_journal_state {
  static inline const char* name = "late_journal";
  std::deque<caf::typed_response_promise<service_answer>> waiting;
  std::size_t permits = 0;
};

/// A JOURNAL that answers one change for each that is noted, and keeps the others waiting.
journal_actor::behavior_type late_journal(journal_actor::stateful_pointer<late_journal_state> self,
                                          const std::optional<error>& refusal) {
  auto& state = self->state;
  const auto answer = [&state, refusal] {
    for (; state.permits > 0 && !state.waiting.empty(); --state.permits) {
      if (refusal)
        state.waiting.front().deliver(to_caf(*refusal));
      else
        state.waiting.front().deliver(service_answer{});
      state.waiting.pop_front();
    }
  };
  return {
      depth_of_mailbox(self),
      [](commit_atom, event_list&) { return sequence{}; },
      [](settle_atom, event_list&) { return sequence{}; },
      [](record_atom, event_list&) {},
      [](grow_atom, const growth_ptr&) {},
      [](settle_atom, const cache_change_ptr&) { return sequence{}; },
      [self, &state, answer](commit_atom, const service_change_ptr&) -> caf::result<service_answer> {
        auto promise = self->make_response_promise<service_answer>();
        state.waiting.push_back(promise);
        answer();
        return promise;
      },
      [&state, answer](record_atom, const service_change_ptr&) {
        ++state.permits;
        answer();
      },
      [](submit_atom, const submission_ptr&) { return accepted{}; },
      [](internal_atom, flush_atom, std::uint64_t) {},
  };
}

struct late_answers {
  std::atomic<int> made{0};
  system_config config{1};
  caf::actor_system system{config};
  journal_actor journal;

  explicit late_answers(const std::optional<error>& refusal = {}) : journal(system.spawn(late_journal, refusal)) {}
  ~late_answers() { end(); }

  std::future<result<void>> change() {
    return change_durably(system, journal, store::tokens_used{}, [this] {
      ++made;
      return result<void>{};
    });
  }
  void answer() const {
    caf::anon_send(journal, record_atom::value,
                   service_change_ptr{std::make_shared<store::service_change>(store::tokens_used{})});
  }
  void end() { caf::anon_send_exit(journal, caf::exit_reason::user_shutdown); }
};

} // namespace

TEST_CASE("what follows a change is done when it is durable, whoever still waits") {
  late_answers x;
  auto first = x.change();
  CHECK(first.wait_for(0s) == std::future_status::timeout);
  CHECK(x.made == 0);
  { const auto nobody_waits = x.change(); }
  x.answer();
  x.answer();
  REQUIRE(first.wait_for(60s) == std::future_status::ready);
  CHECK(first.get());
  auto last = x.change();
  x.answer();
  REQUIRE(last.wait_for(60s) == std::future_status::ready);
  x.end();
  x.system.await_all_actors_done();
  CHECK(x.made == 3);
}

TEST_CASE("nothing follows a change that is refused, or that nobody will answer any more") {
  late_answers x{error{ec::store_full, "no room"}};
  auto refused = x.change();
  x.answer();
  REQUIRE(refused.wait_for(60s) == std::future_status::ready);
  CHECK(refused.get().failure().code == ec::store_full);
  auto forgotten = x.change();
  x.end();
  REQUIRE(forgotten.wait_for(60s) == std::future_status::ready);
  CHECK(forgotten.get().failure().code == ec::unavailable);
  CHECK(x.made == 0);
}

TEST_CASE("a policy that the store took late counts then") {
  const temporary_folder state;
  runtime_config config;
  config.state_directory = state.path();
  config.pools.push_back({"local", make_null_driver()});
  config.can_edit_policies = true;
  config.answer_limit = 1ms;
  auto started = runtime::start(std::move(config));
  REQUIRE(started);
  auto& r = **started;
  store::tokens_used many;
  for (int i = 0; i < 1000; ++i)
    many.used.push_back({"t" + std::to_string(i), {}});
  for (int i = 0; i < 200; ++i) // The store has to do these first.
    r.note(many);
  const auto edited = r.edit_policy(
      "local", [](const policy_in_force&) -> result<std::string> { return std::string{R"({"strategy": "spread"})"}; });
  REQUIRE_FALSE(edited);
  CHECK(edited.failure().code == ec::unavailable);
  const auto deadline = std::chrono::steady_clock::now() + 60s;
  for (auto now = placement_strategy::pack; now != placement_strategy::spread;) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    const auto pools = r.pools(60s);
    REQUIRE(pools);
    now = pools->front().policy->strategy;
  }
}
