#include "actors/journal_writer.hpp"

#include "actors/journal_backlog.hpp"
#include "muster/base/log.hpp"

#include <caf/all.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

namespace muster {

namespace {

/// Puts entries into the open transaction, one kind a function.
struct write {
  journal_writer_state& state;

  journal_answer operator()(event_list& list) const {
    const auto appended = state.writer->append(list.events);
    if (appended) {
      state.appended.push_back(&list);
      return state.writer->latest();
    }
    if (!store::is_refusal(appended.failure().code))
      return fail(appended.failure());
    const auto& first = list.events.front();
    log::error("journal", "events refused",
               {{"type", to_string(first.type)},
                {"workflow", first.workflow.value},
                {"task", first.task.value},
                {"attempt", first.attempt},
                {"status", to_string(first.status)},
                {"why", appended.failure().message}});
    return appended.failure();
  }

  journal_answer operator()(const submission_ptr& x) const {
    auto stored = state.writer->submit(x->rows);
    if (!stored)
      return store::is_refusal(stored.failure().code) ? journal_answer{stored.failure()} : fail(stored.failure());
    if (!stored->is_replay) {
      state.submitted.events.push_back(std::move(stored->fact));
      state.appended.push_back(nullptr);
    }
    return accepted{stored->key, stored->id, stored->is_replay};
  }

  /// All that follows about these groups hangs on it, so a refusal is a bug that must not go by unseen.
  journal_answer operator()(const growth_ptr& x) const {
    if (const auto grown = state.writer->grow(x->rows); !grown)
      return fail(grown.failure());
    return state.writer->latest();
  }

  journal_answer operator()(const cache_change_ptr& x) const {
    if (const auto changed = state.writer->change_cache(*x); !changed)
      return fail(changed.failure());
    return state.writer->latest();
  }

  journal_answer operator()(const service_change_ptr& x) const {
    if (const auto* gone = std::get_if<store::workflow_removed>(x.get()))
      return remove(*gone);
    const auto changed = state.writer->change_service(*x);
    if (changed)
      return service_answer{*changed};
    if (!store::is_refusal(changed.failure().code))
      return fail(changed.failure());
    log::warn("journal", "change of the service refused", {{"why", changed.failure().message}});
    return changed.failure();
  }

  journal_answer remove(const store::workflow_removed& x) const {
    auto fact = state.writer->remove_workflow(x.workflow, x.text);
    if (!fact)
      return store::is_refusal(fact.failure().code) ? journal_answer{fact.failure()} : fail(fact.failure());
    const service_answer answer{static_cast<std::int64_t>(fact->seq.value)};
    state.submitted.events.push_back(std::move(*fact));
    state.appended.push_back(nullptr);
    return answer;
  }

  journal_answer fail(const error& why) const {
    state.writer->rollback();
    state.problem = why;
    return why;
  }
};

const error broken{ec::io_error, "the store does not accept writes any more"};

/// What was committed, in the order of its numbers.
std::vector<event> committed(journal_writer_state& state) {
  std::size_t count = 0;
  for (const auto* list : state.appended)
    count += list == nullptr ? 1 : list->events.size();
  std::vector<event> out;
  out.reserve(count);
  auto submitted = state.submitted.events.begin();
  for (auto* list : state.appended) {
    if (list == nullptr) {
      out.push_back(std::move(*submitted++));
      continue;
    }
    for (auto& x : list->events) {
      x.result = {}; // It is in the store; subscribers are told without.
      out.push_back(std::move(x));
    }
  }
  return out;
}

/// Counts what was committed.
void count(journal_writer_state& state, const journal_batch& batch, const journal_answers& said,
           const std::vector<event>& facts) {
  auto& states = state.counted->states;
  for (std::size_t i = 0; i < batch.entries.size(); ++i) {
    if (const auto* x = std::get_if<submission_ptr>(&batch.entries[i])) {
      if (const auto* who = std::get_if<accepted>(&said.answers[i]); who != nullptr && !who->is_replay)
        states.submitted(who->key, (*x)->rows);
    } else if (const auto* more = std::get_if<growth_ptr>(&batch.entries[i])) {
      states.grown((*more)->rows);
    }
  }
  for (const auto& x : facts)
    states.happened(x);
  state.counted->batch_size.add(static_cast<double>(batch.entries.size()));
}

/// Stores the batch and commits; what goes wrong is in `state.problem` then, and nothing of the batch is stored.
void store_batch(journal_writer_state& state, journal_batch& batch, journal_answers& said) {
  const write one{state};
  for (auto& x : batch.entries) {
    said.answers.push_back(std::visit(one, x));
    if (state.problem)
      return;
  }
  if (const auto done = state.writer->commit(); !done)
    static_cast<void>(one.fail(done.failure()));
}

/// Whether it is worth what is held for the worst.
bool frees_room(const journal_batch& batch) {
  return std::all_of(batch.entries.begin(), batch.entries.end(), [](const journal_entry& x) { return frees_room(x); });
}

void write_batch(journal_writer_state& state, journal_batch& batch, journal_answers& said) {
  const auto refuse_all = [&](const error& why) { said.answers.assign(batch.entries.size(), journal_answer{why}); };
  if (state.failed)
    return refuse_all(broken);
  const auto begun = std::chrono::steady_clock::now();
  const auto attempt = [&] {
    said.answers.clear();
    state.appended.clear();
    state.submitted.events.clear();
    state.problem.reset();
    store_batch(state, batch, said);
  };
  attempt();
  if (state.problem && state.problem->code == ec::store_full && frees_room(batch) && state.writer->make_room())
    attempt();
  if (!state.problem) {
    state.counted->commit_time.add(std::chrono::steady_clock::now() - begun);
    auto facts = std::make_shared<std::vector<event>>(committed(state));
    count(state, batch, said, *facts);
    if (!facts->empty())
      caf::anon_send(state.hub, publish_atom::value, event_batch{std::move(facts)});
    return;
  }
  if (state.problem->code == ec::store_full) {
    said.answers.clear();
    said.full = state.problem;
    return;
  }
  state.failed = true;
  state.on_failure(*state.problem);
  refuse_all(*state.problem);
}

} // namespace

journal_writer_actor::behavior_type journal_writer(journal_writer_actor::stateful_pointer<journal_writer_state> self,
                                                   std::shared_ptr<store::writer> writer, event_hub_actor hub,
                                                   std::shared_ptr<meters> counted, failure_handler on_failure) {
  auto& state = self->state;
  guard(self, "journal writer", on_failure);
  state.writer = std::move(writer);
  state.hub = std::move(hub);
  state.counted = std::move(counted);
  state.on_failure = std::move(on_failure);
  return {
      [&state](commit_atom, const journal_batch_ptr& batch) {
        auto said = std::make_shared<journal_answers>();
        said->answers.reserve(batch->entries.size());
        write_batch(state, *batch, *said);
        return journal_answers_ptr{std::move(said)};
      },
  };
}

} // namespace muster
