#include "actors/registry.hpp"

#include "actors/mailbox_meter.hpp"

#include "actors/errors.hpp"
#include "actors/flow_workflow.hpp"
#include "actors/journal.hpp"
#include "muster/placement/defaults.hpp"

#include <caf/all.hpp>

namespace muster {

namespace {

using registry_pointer = registry_actor::stateful_pointer<registry_state>;

/// Where a workflow runs, and on what terms.
struct place_to_run {
  std::string name;
  pool_actor actor;
  workflow_terms terms;
};

/// What the rules of a pool and the spec make of what holds for all workflows.
group_policy policy_for(const registry_services& services, const std::string& pool, const spec::timeouts& said) {
  auto out = services.policy();
  const auto found = services.rules ? services.rules(pool) : nullptr;
  const auto rules = found ? *found : config::pool_policy{};
  out.exec_timeout = rules.exec_timeout.apply(said.exec, out.exec_timeout);
  out.queue_timeout = rules.queue_timeout.apply(said.queue, out.queue_timeout);
  out.start_timeout = rules.start_timeout.apply({}, out.start_timeout);
  if (!rules.exit_actions.empty())
    out.exit_actions = rules.exit_actions;
  return out;
}

context_ptr make_context(const registry_services& services, const accepted& who, plan_ptr layout, place_to_run where,
                         std::shared_ptr<const first_attempts> attempts_from) {
  auto policy = std::make_shared<group_policy>(policy_for(services, where.name, layout->header().timeout));
  policy->seed = static_cast<std::uint64_t>(who.key.value);
  return std::make_shared<const workflow_context>(
      workflow_context{who.key, who.id, std::move(layout), std::move(policy), services.directory, services.journal,
                       std::move(where.actor), services.clock, services.on_failure, std::move(attempts_from),
                       services.cache, services.counted, std::move(where.terms), services.actors_of_workflows.give()});
}

workflow_terms terms_of(const store::submission& x) {
  return {x.priority, x.user};
}

/// `definition` is that of a flow; null for a workflow whose plan is all that there is.
void begin(registry_pointer self, const accepted& who, plan_ptr layout, place_to_run where,
           const std::shared_ptr<const spec::workflow>& definition, std::shared_ptr<workflow_restore> restore) {
  auto& state = self->state;
  auto context = make_context(*state.services, who, std::move(layout), std::move(where),
                              restore ? restore->attempts_from : nullptr);
  const registry_actor me{self};
  state.live[who.key] = definition ? self->spawn(flow_workflow, std::move(context), me, definition, std::move(restore))
                                   : self->spawn(workflow, std::move(context), me, std::move(restore));
}

caf::error no_pool(const std::string& name) {
  return to_caf({ec::invalid_argument, "there is no pool " + name});
}

caf::result<accepted> submit(registry_pointer self, const submission_ptr& what) {
  auto pool = self->state.services->pool_of(what->rows.pool);
  if (!pool)
    return no_pool(what->rows.pool);
  auto promise = self->make_response_promise<accepted>();
  auto refuse = [promise](caf::error& why) mutable { promise.deliver(std::move(why)); };
  auto store = [self, promise, what, pool, refuse]() mutable {
    self->request(self->state.services->journal, caf::infinite, submit_atom::value, what)
        .then(
            [self, promise, what, pool](const accepted& who) mutable {
              if (!who.is_replay)
                begin(self, who, what->layout, {what->rows.pool, pool, terms_of(what->rows)}, what->definition,
                      nullptr);
              promise.deliver(who);
            },
            refuse);
  };
  self->request(pool, caf::infinite, check_atom::value, what->gangs ? what->gangs : what->layout, what->at_least,
                terms_of(what->rows))
      .then(
          [promise, store](const std::vector<std::string>& reasons) mutable {
            if (reasons.empty())
              store();
            else
              promise.deliver(to_caf({ec::never_fits, joined(reasons)}));
          },
          refuse);
  return promise;
}

caf::error unknown(workflow_key key) {
  return to_caf({ec::not_found, "no live workflow has key " + std::to_string(key.value)});
}

} // namespace

registry_actor::behavior_type registry(registry_actor::stateful_pointer<registry_state> self,
                                       std::shared_ptr<registry_services> services) {
  auto& state = self->state;
  guard(self, "registry", services->on_failure);
  state.services = std::move(services);
  end_children(self, [&state](const auto& end) {
    for (const auto& [key, actor] : state.live)
      end(actor);
  });
  return {
      depth_of_mailbox(self),
      [self](submit_atom, const submission_ptr& what) { return submit(self, what); },
      [self, &state](resume_atom, const accepted& who, const plan_ptr& layout,
                     const restore_ptr& restore) -> caf::result<accepted> {
        if (state.live.count(who.key) > 0)
          return to_caf({ec::conflict, "workflow " + who.id + " is live already"});
        // What was accepted once is accepted again, on a smaller machine too.
        auto pool = state.services->pool_of(layout->header().pool);
        if (!pool)
          return no_pool(layout->header().pool);
        caf::anon_send(pool, check_atom::value, layout, largest_gang(*layout), restore->terms);
        begin(self, who, layout, {layout->header().pool, std::move(pool), restore->terms}, restore->definition,
              restore);
        return who;
      },
      [self, &state](cancel_atom, workflow_key key, const std::string& message, bool force) -> caf::result<sequence> {
        const auto found = state.live.find(key);
        if (found == state.live.end())
          return unknown(key);
        return self->delegate(found->second, cancel_atom::value, message, force);
      },
      [self, &state](settle_atom, workflow_key key) -> caf::result<sequence> {
        if (state.live.count(key) == 0)
          return sequence{};
        auto promise = self->make_response_promise<sequence>();
        state.waiting.emplace(key, promise);
        return promise;
      },
      [&state](finished_atom, workflow_key key, status) {
        state.live.erase(key);
        const auto [first, last] = state.waiting.equal_range(key);
        for (auto at = first; at != last; ++at)
          at->second.deliver(sequence{});
        state.waiting.erase(first, last);
      },
  };
}

} // namespace muster
