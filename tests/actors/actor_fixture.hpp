#pragma once

#include "actors/cache.hpp"
#include "actors/clock.hpp"
#include "actors/pool.hpp"
#include "actors/workflow.hpp"
#include "muster/event/event.hpp"
#include "muster/spec/model.hpp"
#include "pool_alone.hpp"

#include <caf/all.hpp>
#include <caf/scheduler/test_coordinator.hpp>

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace muster::test {

/// What the scripted executor does with one attempt.
struct script {
  ec prepare_problem = ec::none;
  ec start_problem = ec::none;
  bool lost = false;
  std::int32_t exit_code = 0;
  std::chrono::milliseconds runs_for{0}; ///< Negative: until it is stopped.
  std::string result{};                  ///< What it gives, when it exits.
  std::string result_problem{};
};

/// A CACHE that answers when it is told to.
using cache_double_actor = cache_actor::extend<
    /// Answer the question that has waited longest.
    caf::reacts_to<tick_atom, cache_answer_ptr>>;

/// The actors of one workflow under a scheduler that the test steps and a clock that the test turns. The JOURNAL and
/// the EXECUTOR are scripted; everything between them is real.
class actor_fixture {
public:
  /// `seed` decides which ready actor runs next; 0 for first come, first served.
  explicit actor_fixture(std::uint64_t seed = 0);
  ~actor_fixture();
  actor_fixture(const actor_fixture&) = delete;
  actor_fixture& operator=(const actor_fixture&) = delete;

  /// How attempts behave; by task name and attempt number. By default they succeed at once.
  std::function<script(const std::string& task, std::uint32_t attempt)> behaviour;
  /// What the pool's one node has.
  capabilities offered{"scripted", "", false, {4, std::int64_t{64} << 30, std::int64_t{64} << 30, {}}};
  /// The executor tells what happened so much later, with all else that it has to tell by then.
  std::chrono::milliseconds holds_news_for{0};
  group_policy policy;
  workflow_terms terms; ///< Of the workflow.
  std::string address;  ///< Of the pool's node; then it is not the head's own machine.
  /// Whether there is a CACHE: one that answers only by `answer_cache`.
  bool has_cache = false;

  /// Starts a workflow; a flow if it has one.
  void begin(const spec::workflow& what);
  /// Starts one where an earlier runtime left it.
  void take_up(const spec::workflow& what, restore_ptr restore);
  /// The same for a flow, of which `recorded` was laid out by then.
  void take_up_flow(const spec::workflow& what, plan_ptr recorded, restore_ptr restore);
  /// Cancels it.
  void cancel(bool force);
  /// As while the store is full.
  void pause_pool(const std::string& why) {
    caf::anon_send(pool_, stop_atom::value, std::string{"test"}, why), settle();
  }
  void go_on_pool() { caf::anon_send(pool_, start_atom::value, std::string{"test"}), settle(); }
  /// Lets everything happen that happens without time passing.
  void settle();
  /// Lets time pass, in steps, until the workflow has ended; false if it has not by then.
  bool run_until_finished(std::chrono::seconds limit = std::chrono::hours{2});
  void advance(std::chrono::milliseconds x);

  /// Another group asks for all CPUs of the node, on these terms; what it is told from now on.
  std::shared_ptr<pool_alone::group_double> compete(const workflow_terms& on);
  /// It gives up what it has, or its place in the queue.
  void stop_competing();

  /// How many tasks wait for an answer of the CACHE.
  [[nodiscard]] std::size_t asking_cache() const { return shared_->asked.size(); }
  /// Answers the one that has waited longest.
  void answer_cache(cache_answer answer);
  /// What the CACHE was told to have ended.
  [[nodiscard]] const std::vector<cache_end>& told_cache() const { return shared_->told; }

  /// What attempts were told to end for, as was to be written down; in order.
  [[nodiscard]] const std::vector<stop_purpose>& stop_notes() const { return shared_->stop_notes; }
  /// That takes until it is held no more.
  void hold_stop_notes(bool hold);

  /// The workflow's final status; unspecified before.
  [[nodiscard]] status ended() const { return shared_->ended; }
  /// Everything that was journaled, in order.
  [[nodiscard]] const std::vector<event>& events() const { return shared_->events; }
  /// `prepare a 0`, `start a 0`, `stop a 0`, `publish a 0`, `remove a 0`: calls of the executor, in order.
  [[nodiscard]] const std::vector<std::string>& calls() const { return shared_->calls; }
  /// How many facts had been journaled at each of these calls.
  [[nodiscard]] const std::vector<std::size_t>& facts_at_calls() const { return shared_->facts_at_calls; }
  /// The newest status recorded of a task; unspecified if none.
  [[nodiscard]] status task_status(const std::string& name) const;
  /// The newest text recorded of a task.
  [[nodiscard]] std::string task_text(const std::string& name) const;
  /// Position of a call in `calls`, or -1.
  [[nodiscard]] int position(const std::string& call) const;
  /// How many attempts lived at the same time, at most.
  [[nodiscard]] std::size_t most_live() const { return shared_->most_live; }
  /// How many attempts waited in the executor for the end of another.
  [[nodiscard]] std::size_t started_after() const { return shared_->started_after; }
  [[nodiscard]] const plan& layout() const { return *layout_; }
  /// Names of all tasks and groups by now, by their numbers.
  [[nodiscard]] const std::vector<std::string>& tasks() const { return shared_->tasks; }
  [[nodiscard]] const std::vector<std::string>& groups() const { return shared_->groups; }
  [[nodiscard]] caf::strong_actor_ptr executor() const { return caf::actor_cast<caf::strong_actor_ptr>(executor_); }

  /// State that the scripted actors write to.
  struct shared_state {
    std::vector<event> events;
    std::vector<std::string> calls;
    std::vector<std::size_t> facts_at_calls;
    std::vector<std::string> tasks;  ///< Names, by their numbers: of the plan and what it grew by.
    std::vector<std::string> groups; ///< Likewise.
    status ended = status::unspecified;
    std::optional<error> failure;
    std::uint64_t next_sequence = 1;
    std::size_t live = 0;
    std::size_t most_live = 0;
    std::size_t started_after = 0;
    std::chrono::milliseconds holds_news_for{0};
    std::deque<caf::typed_response_promise<cache_answer_ptr>> asked;
    std::vector<cache_end> told;
    std::vector<stop_purpose> stop_notes;
    bool holds_notes = false;
    std::vector<caf::typed_response_promise<service_answer>> held_notes;
  };

private:
  void spawn_all();
  [[nodiscard]] context_ptr prepare(const spec::workflow& what, plan_ptr recorded, const restore_ptr& restore);
  [[nodiscard]] std::optional<task_index> find(const std::string& task) const;

  std::shared_ptr<shared_state> shared_ = std::make_shared<shared_state>();
  std::unique_ptr<caf::actor_system_config> config_;
  std::unique_ptr<caf::actor_system> system_;
  caf::scheduler::test_coordinator* scheduler_ = nullptr;
  std::mt19937_64 random_;
  bool random_order_;
  journal_actor journal_;
  executor_actor executor_;
  pool_actor pool_;
  clock_actor clock_;
  cache_double_actor cache_;
  registry_actor registry_;
  workflow_actor workflow_;
  group_actor rival_;
  plan_ptr layout_;
};

/// A task that needs one CPU and nothing else.
[[nodiscard]] spec::task make_task(const std::string& name, const std::vector<std::string>& inputs = {});
/// A workflow of plain tasks: each is a group of one.
[[nodiscard]] spec::workflow make_workflow(std::vector<spec::task> tasks);
/// A group of several; the first is the lead.
[[nodiscard]] spec::group make_group(const std::string& name, std::vector<spec::task> tasks);

} // namespace muster::test
