#include "actors/flow_workflow.hpp"

#include "actors/cached_group.hpp"
#include "actors/errors.hpp"
#include "actors/journal.hpp"
#include "actors/submission.hpp"

#include <caf/all.hpp>

#include <limits>
#include <utility>

namespace muster {

namespace {

using flow_pointer = workflow_actor::stateful_pointer<flow_workflow_state>;

/// Groups that become rows in one message to the JOURNAL, at most.
constexpr std::size_t chunk_size = 256;

event about(const flow_workflow_state& state, event_type type, status s) {
  event fact;
  fact.type = type;
  fact.workflow = state.context->key;
  fact.status = s;
  return fact;
}

/// Records how the tasks of a group that never began have ended.
void add_unbegun(const flow_workflow_state& state, const plan& layout, group_index g, status s, const std::string& why,
                 event_list& out) {
  const auto range = layout.tasks(g);
  for (std::uint32_t i = 0; i < range.count; ++i) {
    auto fact = about(state, event_type::task_status, s);
    fact.group = g;
    fact.task = task_index{range.first.value + i};
    fact.text = why;
    out.events.push_back(std::move(fact));
  }
  if (range.count < 2)
    return;
  auto fact = about(state, event_type::group_status, s);
  fact.group = g;
  fact.text = why;
  out.events.push_back(std::move(fact));
}

/// Exit codes that `retry` names, as a rule of the pool's kind: the task's own exit actions go first.
spec::exit_rule rule_of(const spec::retry& x) {
  constexpr std::int64_t evicted_code = 3004;
  spec::exit_rule rule;
  rule.action = spec::exit_action::reschedule;
  rule.codes = x.codes;
  for (const auto& name : x.statuses)
    if (parse_status(name) == status::failed_evicted)
      rule.codes.push_back({evicted_code, evicted_code});
  const bool any = rule.codes.empty();
  for (const auto& name : x.statuses)
    if (any || parse_status(name) == status::failed)
      rule.codes.push_back({1, std::numeric_limits<std::int32_t>::max()});
  if (rule.codes.empty())
    rule.codes.push_back({1, std::numeric_limits<std::int32_t>::max()});
  return rule;
}

/// The workflow's policy, changed as the step says.
std::shared_ptr<const group_policy> policy_of(const workflow_context& context, const spec::step& x) {
  if (!x.retry && !x.timeout)
    return context.policy;
  auto policy = std::make_shared<group_policy>(*context.policy);
  if (x.timeout)
    policy->exec_timeout = x.timeout;
  if (x.retry) {
    policy->max_retries = x.retry->max;
    policy->exit_actions.insert(policy->exit_actions.begin(), rule_of(*x.retry));
    if (x.retry->backoff) {
      policy->backoff.first = *x.retry->backoff;
      policy->backoff.longest = std::max(policy->backoff.longest, *x.retry->backoff);
    }
  }
  return policy;
}

extras_ptr extras_of(flow::gang_values&& values) {
  auto all = std::make_shared<std::vector<task_extras>>();
  for (auto& inputs : values.inputs) {
    auto& x = all->emplace_back();
    x.tokens = values.tokens;
    x.environment = values.environment;
    x.results = values.results;
    for (std::size_t n = 0; n < inputs.size(); ++n)
      if (!inputs[n].task.empty() || !inputs[n].parts.empty())
        x.inputs[n] = {std::move(inputs[n].task), std::move(inputs[n].parts)};
  }
  return all;
}

/// Carries out what the machine decides.
class conductor {
public:
  explicit conductor(flow_pointer self) : self_(self), state_(self->state) {}

  /// Takes new gangs up, tells what became of others, and ends the workflow if nothing is left.
  void go_on() {
    admit();
    send_notes();
    send_cancels(false);
    settle();
  }

  void cancel(const std::string& message, bool force) {
    state_.machine->cancel(message);
    state_.canceling = false;
    for (const auto& gang : std::exchange(state_.withheld, {})) {
      // Elements and rounds that never began are counts.
      if (!gang.step->foreach && !gang.step->repeat)
        record({{gang.name, gang.tasks, &std::get<spec::group>(gang.step->body), status::failed_canceled, message}});
      state_.machine->finished(gang.id, {status::failed_canceled, {}});
    }
    send_notes();
    static_cast<void>(state_.machine->take_cancels());
    for (const auto& [index, x] : state_.admitted)
      self_->send(x.actor, cancel_atom::value, message, force);
    settle();
  }

private:
  /// A gang on its way into the plan.
  struct fresh_gang {
    flow::gang gang;
    extras_ptr extras;
  };

  /// The window is refilled when half of it is used up, so that many intents share a commit.
  void admit() {
    if (state_.not_running > workflow_state::window / 2 && state_.machine->to_recall() == 0)
      return;
    std::vector<fresh_gang> fresh;
    while (state_.not_running + fresh.size() + state_.withheld.size() < workflow_state::window ||
           state_.machine->to_recall() > 0) {
      auto next = state_.machine->next();
      if (!next)
        break;
      if (state_.canceling && !next->index) {
        state_.withheld.push_back(std::move(*next));
        continue;
      }
      auto values = state_.machine->values_of(next->id);
      if (!values) {
        refuse(*next, values.failure().message);
        continue;
      }
      auto extras = extras_of(std::move(*values));
      if (next->index) {
        take_up(*next, std::move(extras));
        continue;
      }
      fresh.push_back({std::move(*next), std::move(extras)});
      if (fresh.size() == chunk_size)
        spawn_all(std::exchange(fresh, {}));
    }
    spawn_all(std::move(fresh));
    if (state_.machine->to_recall() == 0)
      state_.restore = nullptr;
  }

  /// A gang whose texts cannot be filled in is not run.
  void refuse(const flow::gang& gang, const std::string& why) {
    flow::note note{gang.name, gang.tasks, &std::get<spec::group>(gang.step->body), status::failed, why};
    record({std::move(note)});
    state_.machine->finished(gang.id, {status::failed, {}});
  }

  void spawn_all(std::vector<fresh_gang> fresh) {
    if (fresh.empty())
      return;
    std::vector<chunk_row> rows;
    rows.reserve(fresh.size());
    for (const auto& x : fresh)
      rows.push_back({x.gang.name, x.gang.tasks, &std::get<spec::group>(x.gang.step->body)});
    const auto first = state_.next_group;
    const auto context = grow(rows);
    if (!context)
      return;
    for (std::uint32_t i = 0; i < fresh.size(); ++i)
      spawn_group(context, group_index{first.value + i}, fresh[i].gang, std::move(fresh[i].extras), std::nullopt);
  }

  /// Adds rows to the plan and the store. Null if the runtime cannot go on.
  context_ptr grow(const std::vector<chunk_row>& rows) {
    auto chunk = state_.chunks->build(rows, state_.next_group, state_.next_task);
    if (!chunk) {
      state_.context->on_failure(chunk.failure());
      return nullptr;
    }
    auto layout = std::make_shared<const plan>(std::move(*chunk));
    state_.next_group.value += layout->group_count();
    state_.next_task.value += layout->task_count();
    self_->send(state_.context->journal, grow_atom::value, make_growth(state_.context->key, layout));
    auto context = std::make_shared<workflow_context>(*state_.context);
    context->layout = std::move(layout);
    return context;
  }

  void spawn_group(const context_ptr& context, group_index g, const flow::gang& gang, extras_ptr extras,
                   std::optional<group_restore> restore) {
    auto policy = policy_of(*context, *gang.step);
    auto own = context;
    if (policy != context->policy) {
      auto changed = std::make_shared<workflow_context>(*context);
      changed->policy = std::move(policy);
      own = std::move(changed);
    }
    const bool may_be_cached = gang.step->cache && own->cache && gang.tasks.size() == 1;
    auto actor =
        may_be_cached
            ? self_->spawn(cached_group, std::move(own), g, workflow_actor{self_}, std::move(restore),
                           std::move(extras), cache_wish{gang.step->name, *gang.step->cache})
            : self_->spawn(group, std::move(own), g, workflow_actor{self_}, std::move(restore), std::move(extras));
    state_.admitted[g.value] = {std::move(actor), gang.id, false};
    state_.group_of[gang.id] = g.value;
    ++state_.not_running;
  }

  /// A group that was recorded before a restart, and has not ended.
  void take_up(const flow::gang& gang, extras_ptr extras) {
    std::optional<group_restore> members;
    if (state_.restore)
      if (const auto found = state_.restore->members.find(gang.index->value); found != state_.restore->members.end())
        members = std::move(found->second);
    if (const auto row = state_.recorded_rows.find(gang.name); row != state_.recorded_rows.end())
      row->second.taken = true;
    if (members && state_.canceling)
      members->cancel = state_.restore->cancel_message;
    else if (members)
      members->cancel = gang.canceled;
    const bool is_told = members.has_value();
    spawn_group(state_.context, *gang.index, gang, std::move(extras), std::move(members));
    if (gang.canceled && !is_told)
      self_->send(state_.admitted.at(gang.index->value).actor, cancel_atom::value, *gang.canceled, false);
  }

  void send_notes() {
    auto notes = state_.machine->take_notes();
    for (std::size_t i = 0; i < notes.size(); i += chunk_size) {
      const auto end = notes.begin() + static_cast<std::ptrdiff_t>(std::min(notes.size(), i + chunk_size));
      record({std::make_move_iterator(notes.begin() + static_cast<std::ptrdiff_t>(i)), std::make_move_iterator(end)});
    }
  }

  /// Records steps that were not run: in the rows that they have, or in new ones.
  void record(const std::vector<flow::note>& notes) {
    event_list facts;
    std::vector<chunk_row> rows;
    std::vector<const flow::note*> fresh;
    for (const auto& x : notes) {
      const auto known = state_.recorded_rows.find(x.name);
      if (known == state_.recorded_rows.end()) {
        rows.push_back({x.name, x.tasks, x.members});
        fresh.push_back(&x);
      } else if (!is_group_finished(std::exchange(known->second.last, x.status))) {
        add_unbegun(state_, *state_.context->layout, known->second.group, x.status, x.reason, facts);
      }
    }
    if (!rows.empty()) {
      const auto first = state_.next_group;
      const auto context = grow(rows);
      if (!context)
        return;
      for (std::uint32_t i = 0; i < fresh.size(); ++i)
        add_unbegun(state_, *context->layout, group_index{first.value + i}, fresh[i]->status, fresh[i]->reason, facts);
    }
    if (!facts.events.empty())
      self_->send(state_.context->journal, record_atom::value, std::move(facts));
  }

  /// What an earlier run left to be run once more, and this one did not come to: a `foreach` has fewer elements now, a
  /// `switch` took another way, or all was canceled.
  void close_unused_rows(status now, event_list& out) {
    const bool canceled = now == status::failed_canceled;
    for (const auto& [name, row] : state_.recorded_rows)
      if (!row.taken && !is_group_finished(row.last))
        add_unbegun(state_, *state_.context->layout, row.group, canceled ? status::failed_canceled : status::skipped,
                    canceled ? "canceled" : "the workflow has no use for it any more", out);
  }

  void send_cancels(bool force) {
    for (const auto& [gang, reason] : state_.machine->take_cancels())
      if (const auto g = state_.group_of.find(gang); g != state_.group_of.end())
        self_->send(state_.admitted.at(g->second).actor, cancel_atom::value, reason, force);
  }

  /// Records the workflow's status when it changes, and its end.
  void settle() {
    if (state_.ended)
      return;
    const auto now = state_.machine->status();
    event_list facts;
    facts.events.push_back(about(state_, event_type::workflow_status, now));
    if (!state_.machine->done()) {
      if (now == status::running && state_.recorded == status::pending) {
        state_.recorded = now;
        self_->send(state_.context->journal, record_atom::value, std::move(facts));
      }
      return;
    }
    if (!state_.admitted.empty())
      return;
    state_.ended = true;
    auto last = std::exchange(facts, {});
    close_unused_rows(now, facts);
    facts.events.push_back(std::move(last.events.front()));
    auto* self = self_;
    self_->request(state_.context->journal, caf::infinite, commit_atom::value, std::move(facts))
        .then(
            [self, now](sequence) {
              self->send(self->state.registry, finished_atom::value, self->state.context->key, now);
              self->quit();
            },
            [](const caf::error&) { /* The JOURNAL has told the runtime. */ });
  }

  flow_pointer self_;
  flow_workflow_state& state_;
};

flow::json_text shared_text(std::string text) {
  return text.empty() ? nullptr : std::make_shared<const std::string>(std::move(text));
}

/// Tells the machine what was recorded.
void recall(flow_workflow_state& state) {
  auto& restore = *state.restore;
  const auto& layout = *state.context->layout;
  std::vector<std::pair<std::string, flow::recorded_gang>> recorded;
  for (group_index g{0}; g.value < layout.group_count(); ++g.value) {
    flow::recorded_gang past{g, restore.groups[g.value], {}, false};
    const auto range = layout.tasks(g);
    for (std::uint32_t i = 0; i < range.count; ++i) {
      const auto found = restore.results.find(range.first.value + i);
      past.results.push_back(found == restore.results.end() ? nullptr : shared_text(std::move(found->second)));
    }
    const std::string name{layout.group_name(g)};
    // Only a step that is no gang has a task of its own name: see `flow::note`.
    past.is_step = range.count == 1 && layout.task_name(range.first) == name;
    state.recorded_rows[name] = {g, past.status};
    recorded.emplace_back(name, std::move(past));
  }
  restore.results.clear();
  state.next_group.value = layout.group_count();
  state.next_task.value = layout.task_count();
  state.machine->recall(std::move(recorded));
}

} // namespace

workflow_actor::behavior_type flow_workflow(workflow_actor::stateful_pointer<flow_workflow_state> self,
                                            context_ptr context, registry_actor registry,
                                            std::shared_ptr<const spec::workflow> definition,
                                            std::shared_ptr<workflow_restore> restore) {
  auto& state = self->state;
  guard(self, "workflow", context->on_failure);
  state.context = std::move(context);
  state.registry = std::move(registry);
  state.definition = std::move(definition);
  state.machine.emplace(state.definition->flow);
  state.chunks.emplace(state.definition);
  state.restore = std::move(restore);
  end_children(self, [&state](const auto& end) {
    for (const auto& [index, x] : state.admitted)
      end(x.actor);
  });
  if (state.restore) {
    state.recorded = state.restore->recorded;
    recall(state);
    event_list facts;
    facts.events.push_back(about(state, event_type::workflow_resumed, status::unspecified));
    self->send(state.context->journal, record_atom::value, std::move(facts));
  }
  const auto taken = state.restore;
  state.canceling = taken && taken->cancel_requested;
  conductor{self}.go_on();
  if (taken && taken->cancel_requested)
    conductor{self}.cancel(taken->cancel_message, false);
  return {
      [self, &state](running_atom, group_index g) {
        const auto found = state.admitted.find(g.value);
        if (found == state.admitted.end())
          return;
        if (!std::exchange(found->second.running, true))
          --state.not_running;
        state.machine->started(found->second.gang);
        conductor{self}.go_on();
      },
      [self, &state](finished_atom, group_index g, const group_outcome& how) {
        const auto found = state.admitted.find(g.value);
        if (found == state.admitted.end())
          return;
        if (!found->second.running)
          --state.not_running;
        const auto id = found->second.gang;
        state.admitted.erase(found);
        state.group_of.erase(id);
        flow::gang_end end{how.status, {}};
        for (const auto& text : how.results)
          end.results.push_back(shared_text(text));
        state.machine->finished(id, std::move(end));
        conductor{self}.go_on();
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
                  conductor{self}.cancel(message, force);
                },
                [promise](caf::error& why) mutable { promise.deliver(std::move(why)); });
        return promise;
      },
  };
}

} // namespace muster
