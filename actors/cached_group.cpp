#include "actors/cached_group.hpp"

#include "actors/attempt_description.hpp"

#include <caf/all.hpp>

#include <utility>

namespace muster {

namespace {

using cached_group_pointer = group_actor::stateful_pointer<cached_group_state>;

struct run_witness_state {
  static inline const char* name = "run witness";

  workflow_actor workflow;
  cache_actor cache;
  cache_end known;
};

/// Stands between a GROUP and its WORKFLOW: tells the CACHE how it ended.
workflow_actor::behavior_type run_witness(workflow_actor::stateful_pointer<run_witness_state> self,
                                          workflow_actor workflow, cache_actor cache, cache_end known) {
  auto& state = self->state;
  state.workflow = std::move(workflow);
  state.cache = std::move(cache);
  state.known = std::move(known);
  return {
      [self, &state](running_atom, group_index g) { self->send(state.workflow, running_atom::value, g); },
      [self, &state](finished_atom, group_index g, const group_outcome& how) {
        if (!state.known.key.empty()) {
          auto end = std::make_shared<cache_end>(std::move(state.known));
          end->who.number = how.last_attempt;
          end->completed = how.status == status::completed;
          self->send(state.cache, finished_atom::value, cache_end_ptr{std::move(end)});
        }
        self->send(state.workflow, finished_atom::value, g, how);
        self->quit();
      },
      [](cancel_atom, const std::string&, bool) { return sequence{}; },
  };
}

event about(const cached_group_state& state, status s, std::uint32_t attempt, const std::string& text) {
  event fact;
  fact.type = event_type::task_status;
  fact.workflow = state.context->key;
  fact.group = state.index;
  fact.task = state.task;
  fact.attempt = attempt;
  fact.status = s;
  fact.text = text;
  return fact;
}

void finish(cached_group_pointer self, status s, std::string result) {
  group_outcome how;
  how.status = s;
  how.results.push_back(std::move(result));
  self->send(self->state.workflow, finished_atom::value, self->state.index, std::move(how));
  self->state.ended = true;
  if (!self->state.asking)
    self->quit();
}

/// The CACHE let it run, but it ended meanwhile.
void give_back(cached_group_pointer self, const cache_answer& said) {
  const auto& state = self->state;
  if (said.verdict == cache_verdict::run) {
    auto end = std::make_shared<cache_end>();
    end->key = said.key;
    end->who = {state.context->key, state.task, state.attempt};
    self->send(state.context->cache, finished_atom::value, cache_end_ptr{std::move(end)});
  }
  self->quit();
}

void end_canceled(cached_group_pointer self) {
  event_list facts;
  facts.events.push_back(about(self->state, status::failed_canceled, 0, self->state.cancel->first));
  self->send(self->state.context->journal, record_atom::value, std::move(facts));
  finish(self, status::failed_canceled, {});
}

void run(cached_group_pointer self, const std::string& key) {
  auto& state = self->state;
  cache_end known;
  known.key = key;
  known.who = {state.context->key, state.task, state.attempt};
  state.witness = self->spawn(run_witness, state.workflow, state.context->cache, std::move(known));
  state.real =
      self->spawn(group, state.context, state.index, state.witness, std::move(state.restore), std::move(state.extras));
  self->monitor(state.real);
  if (state.cancel)
    self->send(state.real, cancel_atom::value, state.cancel->first, state.cancel->second);
}

/// The other one's end is its own: durable first, then to be seen.
void take(cached_group_pointer self, const cache_answer& from) {
  auto& state = self->state;
  state.taking = true;
  event_list facts;
  facts.events.push_back(about(state, status::processing, state.attempt, from.text));
  facts.events.push_back(about(state, status::completed, state.attempt, from.text));
  facts.events.back().result = from.result;
  const auto done = [self, result = from.result](sequence) { finish(self, status::completed, result); };
  // The JOURNAL has told the runtime.
  const auto broken = [](const caf::error&) {};
  self->request(state.context->journal, caf::infinite, commit_atom::value, std::move(facts))
      .then(
          [self, done, broken](sequence) {
            const auto& context = *self->state.context;
            const auto name = std::string{context.layout->task_name(self->state.task)};
            const auto folder = context.directory.attempt(context.id, name, self->state.attempt).string();
            self->request(context.cache, caf::infinite, publish_atom::value, folder).then(done, broken);
          },
          broken);
}

void ask(cached_group_pointer self);

void wait(cached_group_pointer self, const cache_answer& why) {
  auto& state = self->state;
  event_list facts;
  facts.events.push_back(about(state, status::waiting, 0, why.text));
  self->send(state.context->journal, record_atom::value, std::move(facts));
  self->request(state.context->cache, caf::infinite, watch_atom::value, why.key)
      .then(
          [self](sequence) {
            if (!self->state.ended)
              ask(self);
          },
          [](const caf::error&) { /* The runtime is ending. */ });
}

void ask(cached_group_pointer self) {
  auto& state = self->state;
  const auto* extras =
      state.extras && !state.extras->empty() ? &state.extras->front() : static_cast<const task_extras*>(nullptr);
  auto described = describe_attempt(*state.context, state.task, state.attempt, extras);
  if (!described)
    return run(self, ""); // The GROUP says what is wrong.
  auto question = std::make_shared<cache_question>();
  question->spec = std::move(*described);
  question->step = state.wish.step;
  question->key = state.wish.key;
  question->is_begun = state.restore.has_value();
  state.asking = true;
  self->request(state.context->cache, caf::infinite, check_atom::value, cache_question_ptr{std::move(question)})
      .then(
          [self](const cache_answer_ptr& said) {
            const auto& answered = *said;
            self->state.asking = false;
            if (self->state.ended)
              return give_back(self, answered);
            if (answered.verdict == cache_verdict::run)
              return run(self, answered.key);
            if (answered.verdict == cache_verdict::take)
              return take(self, answered);
            wait(self, answered);
          },
          [](const caf::error&) { /* The runtime is ending. */ });
}

} // namespace

group_actor::behavior_type cached_group(group_actor::stateful_pointer<cached_group_state> self, context_ptr context,
                                        group_index index, workflow_actor workflow,
                                        std::optional<group_restore> restore, extras_ptr extras, cache_wish wish) {
  auto& state = self->state;
  guard(self, "cached group", context->on_failure);
  end_children(self, [&state](const auto& end) {
    if (state.real)
      end(state.real);
    if (state.witness)
      end(state.witness);
  });
  self->set_down_handler([self](caf::down_msg&) { self->quit(); });
  state.context = std::move(context);
  state.index = index;
  state.task = state.context->layout->tasks(index).first;
  if (state.context->attempts_from)
    if (const auto from = state.context->attempts_from->find(state.task.value);
        from != state.context->attempts_from->end())
      state.attempt = from->second;
  state.workflow = std::move(workflow);
  state.restore = std::move(restore);
  state.extras = std::move(extras);
  state.wish = std::move(wish);
  ask(self);
  // All but `cancel` goes to the GROUP itself.
  return {
      [](placed_atom, std::uint32_t, const lease&) {},
      [](delayed_atom, std::uint32_t, const std::string&) {},
      [](refused_atom, std::uint32_t, const refusal&) {},
      [](stop_atom, std::uint32_t, const std::string&) {},
      [](report_atom, const attempt_report&) {},
      [self, &state](cancel_atom, const std::string& message, bool force) {
        if (state.real)
          self->send(state.real, cancel_atom::value, message, force);
        else if (!state.taking && !state.ended)
          state.cancel.emplace(message, force);
        // What was begun before a restart has to be looked after.
        if (!state.real && !state.taking && !state.ended && !state.restore)
          end_canceled(self);
      },
      [](timer_atom, std::uint8_t, std::uint32_t, task_index) {},
  };
}

} // namespace muster
