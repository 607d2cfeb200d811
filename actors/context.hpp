#pragma once

#include "actors/presence.hpp"
#include "actors/protocol/type_ids.hpp"
#include "muster/plan/plan.hpp"
#include "muster/spec/tokens.hpp"
#include "muster/state/group_machine.hpp"
#include "muster/store/layout.hpp"

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace muster {

struct meters;

/// Told once, from any thread, that the runtime cannot go on: the store refuses to write, or an actor has a bug. What
/// is durable stays so; a later runtime takes up from there.
using failure_handler = std::function<void(const error&)>;

/// What a flow gives one task beyond its body, known when its group comes into being. For the task's attempts.
struct task_extras {
  /// Where an input of the task comes from. Names are those of tasks in the plan.
  struct origin {
    std::string task;                                       ///< Whose output it is; not with `parts`.
    std::vector<std::pair<std::string, std::string>> parts; ///< Sub-folder -> task: it gathers several outputs.
  };

  spec::token_values tokens;                                    ///< As `attempt_spec` has
  std::vector<std::pair<std::string, std::string>> environment; ///< them, these three.
  std::vector<std::pair<std::string, std::shared_ptr<const std::string>>> results;
  /// By position among the task's inputs. Those that are not here are found by the name in the body.
  std::map<std::size_t, origin> inputs;
};

/// One per member of a group, in the order of the plan; null for groups whose bodies say all.
using extras_ptr = std::shared_ptr<const std::vector<task_extras>>;

/// Task -> number of its first attempt, of tasks that are run once more.
using first_attempts = std::unordered_map<std::uint32_t, std::uint32_t>;

/// What every actor of one workflow shares; immutable.
struct workflow_context {
  workflow_key key;
  std::string id; ///< `<name>-<n>`
  plan_ptr layout;
  std::shared_ptr<const group_policy> policy;
  store::state_directory directory;
  journal_actor journal;
  pool_actor pool;
  clock_actor clock;
  failure_handler on_failure;
  std::shared_ptr<const first_attempts> attempts_from{}; ///< Null if there are none.
  cache_actor cache{};                                   ///< Null if nothing is taken from earlier runs.
  std::shared_ptr<meters> counted{};                     ///< Null if nobody counts.
  workflow_terms terms{};
  presence::token present{}; ///< While an actor of the workflow is there.
};

using context_ptr = std::shared_ptr<const workflow_context>;

/// An exception that nobody expected, as an error of the runtime: names the actor.
[[nodiscard]] error unexpected(const char* actor, const std::exception_ptr& what);

/// Makes `self` report an exception in one of its handlers to `on_failure` and end.
template <class Actor>
void guard(Actor* self, const char* name, failure_handler on_failure) {
  self->set_exception_handler(
      [name, on_failure = std::move(on_failure)](caf::scheduled_actor*, std::exception_ptr& what) -> caf::error {
        on_failure(unexpected(name, what));
        return caf::exit_reason::unhandled_exception;
      });
}

/// Makes `self` end its children with itself: `children(end)` calls `end` with each.
template <class Actor, class Children>
void end_children(Actor* self, Children children) {
  self->set_exit_handler([self, children](caf::exit_msg& x) {
    children([self, &x](const auto& child) { self->send_exit(child, x.reason); });
    self->quit(x.reason);
  });
}

} // namespace muster
