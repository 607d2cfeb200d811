#include "actors/workflow.hpp"

#include "actors/errors.hpp"

#include <caf/all.hpp>

#include <utility>

namespace muster {

namespace {

using workflow_pointer = workflow_actor::stateful_pointer<workflow_state>;

/// Facts sent to the JOURNAL in one message, at most.
constexpr std::size_t chunk = 4096;

event about(const workflow_state& state, event_type type, status s) {
  event fact;
  fact.type = type;
  fact.workflow = state.context->key;
  fact.status = s;
  return fact;
}

void send_chunk(workflow_pointer self, event_list& facts) {
  if (!facts.events.empty())
    self->send(self->state.context->journal, record_atom::value, std::exchange(facts, {}));
}

/// Records that groups which never began have ended.
void record_unbegun(workflow_pointer self, const std::vector<group_index>& groups, status s, const std::string& text) {
  auto& state = self->state;
  event_list facts;
  for (const auto g : groups) {
    const auto range = state.context->layout->tasks(g);
    for (std::uint32_t i = 0; i < range.count; ++i) {
      auto fact = about(state, event_type::task_status, s);
      fact.group = g;
      fact.task = task_index{range.first.value + i};
      fact.text = text;
      facts.events.push_back(std::move(fact));
    }
    if (range.count > 1) {
      auto fact = about(state, event_type::group_status, s);
      fact.group = g;
      fact.text = text;
      facts.events.push_back(std::move(fact));
    }
    if (facts.events.size() >= chunk)
      send_chunk(self, facts);
  }
  send_chunk(self, facts);
}

void record_upstream_failed(workflow_pointer self, const std::vector<group_index>& groups, const std::string& why) {
  record_unbegun(self, groups, status::failed_upstream, why);
}

std::string failure_text(const workflow_state& state, group_index g, status s) {
  return "upstream group " + std::string{state.context->layout->group_name(g)} + " is " + std::string{to_string(s)};
}

void spawn_group(workflow_pointer self, group_index g, std::optional<group_restore> restore) {
  auto& state = self->state;
  state.admitted[g.value] = {
      self->spawn(group, state.context, g, workflow_actor{self}, std::move(restore), extras_ptr{}), false};
  ++state.not_running;
}

/// Refills the window when half of it is used up, so that many intents share a commit.
void admit(workflow_pointer self) {
  auto& state = self->state;
  if (state.not_running > workflow_state::window / 2)
    return;
  while (state.not_running < workflow_state::window) {
    const auto next = state.front->pop_ready();
    if (!next)
      return;
    spawn_group(self, *next, std::nullopt);
  }
}

/// The group runs or has ended: another one may queue.
void leaves_queue(workflow_state& state, workflow_state::admitted_group& x) {
  if (!std::exchange(x.running, true))
    --state.not_running;
}

/// Records the workflow's status when it changes, and its end.
void settle(workflow_pointer self) {
  auto& state = self->state;
  if (state.ended)
    return;
  const auto now = state.front->workflow_status();
  if (!state.front->done()) {
    if (now == status::running && state.recorded == status::pending) {
      state.recorded = now;
      event_list facts;
      facts.events.push_back(about(state, event_type::workflow_status, now));
      send_chunk(self, facts);
    }
    return;
  }
  state.ended = true;
  event_list facts;
  facts.events.push_back(about(state, event_type::workflow_status, now));
  self->request(state.context->journal, caf::infinite, commit_atom::value, std::move(facts))
      .then(
          [self, now](sequence) {
            self->send(self->state.registry, finished_atom::value, self->state.context->key, now);
            self->quit();
          },
          [](const caf::error&) { /* The JOURNAL has told the runtime. */ });
}

void cancel_all(workflow_pointer self, const std::string& message, bool force) {
  auto& state = self->state;
  record_unbegun(self, state.front->cancel(), status::failed_canceled, message);
  for (const auto& [index, x] : state.admitted)
    self->send(x.actor, cancel_atom::value, message, force);
  settle(self);
}

void take_up(workflow_pointer self, workflow_restore& restore) {
  auto& state = self->state;
  auto rebuilt = frontier::rebuild(state.context->layout, restore.groups);
  state.front.emplace(std::move(rebuilt.front));
  state.recorded = restore.recorded;
  event_list facts;
  facts.events.push_back(about(state, event_type::workflow_resumed, status::unspecified));
  send_chunk(self, facts);
  record_upstream_failed(self, rebuilt.upstream_failed, "an upstream group failed");
  for (const auto g : rebuilt.begun) {
    std::optional<group_restore> members;
    if (const auto found = restore.members.find(g.value); found != restore.members.end())
      members = std::move(found->second);
    if (members && restore.cancel_requested)
      members->cancel = restore.cancel_message;
    spawn_group(self, g, std::move(members));
  }
  if (restore.cancel_requested)
    cancel_all(self, restore.cancel_message, false);
}

} // namespace

workflow_actor::behavior_type workflow(workflow_actor::stateful_pointer<workflow_state> self, context_ptr context,
                                       registry_actor registry, const std::shared_ptr<workflow_restore>& restore) {
  auto& state = self->state;
  guard(self, "workflow", context->on_failure);
  state.context = std::move(context);
  state.registry = std::move(registry);
  end_children(self, [&state](const auto& end) {
    for (const auto& [index, x] : state.admitted)
      end(x.actor);
  });
  if (restore)
    take_up(self, *restore);
  else
    state.front.emplace(state.context->layout);
  admit(self);
  settle(self);
  return {
      [self, &state](running_atom, group_index g) {
        const auto found = state.admitted.find(g.value);
        if (found == state.admitted.end())
          return;
        leaves_queue(state, found->second);
        state.front->on_group_status(g, status::running);
        admit(self);
        settle(self);
      },
      [self, &state](finished_atom, group_index g, const group_outcome& how) {
        const auto s = how.status;
        const auto found = state.admitted.find(g.value);
        if (found == state.admitted.end())
          return;
        leaves_queue(state, found->second);
        state.admitted.erase(found);
        record_upstream_failed(self, state.front->on_group_finished(g, s), failure_text(state, g, s));
        admit(self);
        settle(self);
      },
      [self, &state](cancel_atom, const std::string& message, bool force) -> caf::result<sequence> {
        if (state.ended)
          return has_ended(state.context->id);
        event_list facts;
        facts.events.push_back(about(state, event_type::workflow_cancel_requested, status::unspecified));
        facts.events.back().text = message;
        auto promise = self->make_response_promise<sequence>();
        self->request(state.context->journal, caf::infinite, commit_atom::value, std::move(facts))
            .then(
                [self, promise, message, force](sequence at) mutable {
                  promise.deliver(at);
                  cancel_all(self, message, force);
                },
                [promise](caf::error& why) mutable { promise.deliver(std::move(why)); });
        return promise;
      },
  };
}

} // namespace muster
