#include "actors/journal.hpp"

#include "actors/errors.hpp"

#include <caf/all.hpp>

namespace muster {

namespace {

using journal_pointer = journal_actor::stateful_pointer<journal_state>;

/// Facts in one transaction, about; more are committed without waiting.
constexpr std::size_t large_transaction = 8192;

/// Tells one who waits what became of its entry.
struct deliver {
  journal_answer& answer;

  void operator()(std::monostate) const {}
  template <class T>
  void operator()(caf::typed_response_promise<T>& promise) const {
    if (auto* good = std::get_if<T>(&answer))
      promise.deliver(std::move(*good));
    else
      promise.deliver(to_caf(std::get<error>(answer)));
  }
};

void flush(journal_pointer self);

void settle_batch(journal_pointer self, std::vector<journal_state::promise>& waiting, journal_answers& said) {
  for (std::size_t i = 0; i < waiting.size(); ++i)
    std::visit(deliver{said.answers[i]}, waiting[i]);
  self->state.is_writing = false;
  if (std::exchange(self->state.flush_wanted, false))
    flush(self);
}

/// Gives the writer what was gathered, now or when it has done the batch before.
void flush(journal_pointer self) {
  auto& state = self->state;
  state.flush_sent = false;
  if (state.gathered.empty())
    return;
  if (state.is_writing) {
    state.flush_wanted = true;
    return;
  }
  state.flush_due = false;
  state.facts = 0;
  state.is_writing = true;
  ++state.transaction;
  auto batch = std::make_shared<journal_batch>(journal_batch{std::exchange(state.gathered, {})});
  const auto waiting = std::make_shared<std::vector<journal_state::promise>>(std::exchange(state.waiting, {}));
  self->request(state.writer, caf::infinite, commit_atom::value, journal_batch_ptr{std::move(batch)})
      .then([self, waiting](const journal_answers_ptr& said) { settle_batch(self, *waiting, *said); },
            [](const caf::error&) { /* The writer is gone, and the runtime is ending. */ });
}

/// Puts a flush behind everything that is in the mailbox now.
void flush_soon(journal_pointer self) {
  if (!std::exchange(self->state.flush_sent, true))
    self->send(self, internal_atom::value, flush_atom::value, self->state.transaction);
}

/// Makes sure that a flush comes within `patience`.
void flush_later(journal_pointer self) {
  auto& state = self->state;
  if (state.facts >= large_transaction)
    flush_soon(self);
  else if (!state.flush_sent && !std::exchange(state.flush_due, true))
    self->delayed_send(self, journal_state::patience, internal_atom::value, flush_atom::value, state.transaction);
}

void gather(journal_pointer self, event_list& list, journal_state::promise who) {
  auto& state = self->state;
  state.facts += list.events.size();
  state.gathered.emplace_back(std::move(list));
  state.waiting.push_back(std::move(who));
}

} // namespace

journal_actor::behavior_type journal(journal_actor::stateful_pointer<journal_state> self, journal_writer_actor writer,
                                     const failure_handler& on_failure) {
  auto& state = self->state;
  guard(self, "journal", on_failure);
  state.writer = std::move(writer);
  return {
      [self](commit_atom, event_list& list) -> caf::result<sequence> {
        auto promise = self->make_response_promise<sequence>();
        gather(self, list, promise);
        flush_soon(self);
        return promise;
      },
      [self](settle_atom, event_list& list) -> caf::result<sequence> {
        auto promise = self->make_response_promise<sequence>();
        gather(self, list, promise);
        flush_later(self);
        return promise;
      },
      [self](record_atom, event_list& list) {
        gather(self, list, {});
        flush_later(self);
      },
      [self, &state](grow_atom, const growth_ptr& x) {
        state.facts += x->rows.tasks.size();
        state.gathered.emplace_back(x);
        state.waiting.emplace_back();
        flush_later(self);
      },
      [self, &state](settle_atom, const cache_change_ptr& x) -> caf::result<sequence> {
        auto promise = self->make_response_promise<sequence>();
        state.gathered.emplace_back(x);
        state.waiting.emplace_back(promise);
        flush_later(self);
        return promise;
      },
      [self, &state](commit_atom, const service_change_ptr& x) -> caf::result<service_answer> {
        auto promise = self->make_response_promise<service_answer>();
        state.gathered.emplace_back(x);
        state.waiting.emplace_back(promise);
        flush_soon(self);
        return promise;
      },
      [self, &state](record_atom, const service_change_ptr& x) {
        state.gathered.emplace_back(x);
        state.waiting.emplace_back();
        flush_later(self);
      },
      [self, &state](submit_atom, const submission_ptr& x) -> caf::result<accepted> {
        auto promise = self->make_response_promise<accepted>();
        state.gathered.emplace_back(x);
        state.waiting.emplace_back(promise);
        flush_soon(self);
        return promise;
      },
      [self, &state](internal_atom, flush_atom, std::uint64_t transaction) {
        if (transaction == state.transaction)
          flush(self);
      },
  };
}

} // namespace muster
