#pragma once

#include "actors/protocol/type_ids.hpp"
#include "muster/plan/plan.hpp"
#include "muster/state/group_machine.hpp"
#include "muster/store/layout.hpp"

#include <functional>
#include <memory>
#include <string>

namespace muster {

/// Told once, from any thread, that the runtime cannot go on: the store refuses to write, or an actor has a bug. What
/// is durable stays so; a later runtime takes up from there.
using failure_handler = std::function<void(const error&)>;

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
