#include "actors/journal.hpp"

#include "actors/errors.hpp"

#include <caf/all.hpp>
#include <spdlog/spdlog.h>

namespace muster {

namespace {

using journal_pointer = journal_actor::stateful_pointer<journal_state>;

/// Refusals concern one call; anything else has rolled back the transaction.
bool is_refusal(ec code) {
  return code == ec::invalid_argument || code == ec::not_found || code == ec::conflict || code == ec::limit_exceeded;
}

template <class T>
void answer_all(journal_state::waiting_list<T>& waiting) {
  for (auto& [promise, value] : waiting)
    promise.deliver(std::move(value));
  waiting.clear();
}

template <class T>
void refuse_all(journal_state::waiting_list<T>& waiting, const error& why) {
  for (auto& [promise, value] : waiting)
    promise.deliver(to_caf(why));
  waiting.clear();
}

void fail(journal_state& state, const error& why) {
  state.failed = true;
  state.writer->rollback();
  state.uncommitted.clear();
  refuse_all(state.commits, why);
  refuse_all(state.submissions, why);
  state.on_failure(why);
}

/// Facts in one transaction, about; more are committed without waiting.
constexpr std::size_t large_transaction = 8192;

/// Puts a flush behind everything that is in the mailbox now.
void flush_soon(journal_pointer self) {
  if (!std::exchange(self->state.flush_sent, true))
    self->send(self, internal_atom::value, flush_atom::value, self->state.transaction);
}

/// Makes sure that a flush comes within `patience`.
void flush_later(journal_pointer self) {
  if (self->state.uncommitted.size() >= large_transaction)
    flush_soon(self);
  else if (!self->state.flush_sent && !std::exchange(self->state.flush_due, true))
    self->delayed_send(self, journal_state::patience, internal_atom::value, flush_atom::value, self->state.transaction);
}

/// Appends; false if the store is broken.
bool append(journal_pointer self, event_list& list) {
  auto& state = self->state;
  const auto appended = state.writer->append(list.events);
  if (appended) {
    for (auto& x : list.events)
      state.uncommitted.push_back(std::move(x));
  } else if (is_refusal(appended.failure().code)) {
    const auto& first = list.events.front();
    spdlog::error("journal refused events type={} workflow={} task={} attempt={} status={}: {}", to_string(first.type),
                  first.workflow.value, first.task.value, first.attempt, to_string(first.status),
                  appended.failure().message);
  } else {
    fail(state, appended.failure());
    return false;
  }
  return true;
}

void flush(journal_state& state) {
  state.flush_sent = false;
  state.flush_due = false;
  ++state.transaction;
  if (state.failed || (state.commits.empty() && state.submissions.empty() && state.uncommitted.empty()))
    return;
  if (const auto committed = state.writer->commit(); !committed) {
    fail(state, committed.failure());
    return;
  }
  answer_all(state.commits);
  answer_all(state.submissions);
  if (!state.uncommitted.empty())
    caf::anon_send(state.hub, publish_atom::value,
                   event_batch{std::make_shared<std::vector<event>>(std::move(state.uncommitted))});
  state.uncommitted = {};
}

const error broken{ec::io_error, "the store does not accept writes any more"};

caf::result<sequence> append_and_answer(journal_pointer self, event_list& list) {
  auto& state = self->state;
  if (state.failed)
    return to_caf(broken);
  auto promise = self->make_response_promise<sequence>();
  if (append(self, list))
    state.commits.emplace_back(promise, state.writer->latest());
  else
    promise.deliver(to_caf(broken));
  return promise;
}

} // namespace

journal_actor::behavior_type journal(journal_actor::stateful_pointer<journal_state> self,
                                     std::shared_ptr<store::writer> writer, event_hub_actor hub,
                                     failure_handler on_failure) {
  auto& state = self->state;
  guard(self, "journal", on_failure);
  state.writer = std::move(writer);
  state.hub = std::move(hub);
  state.on_failure = std::move(on_failure);
  return {
      [self](commit_atom, event_list& list) {
        auto answer = append_and_answer(self, list);
        flush_soon(self);
        return answer;
      },
      [self](settle_atom, event_list& list) {
        auto answer = append_and_answer(self, list);
        flush_later(self);
        return answer;
      },
      [self, &state](record_atom, event_list& list) {
        if (!state.failed && append(self, list))
          flush_later(self);
      },
      [self, &state](submit_atom, const submission_ptr& x) -> caf::result<accepted> {
        if (state.failed)
          return to_caf(broken);
        auto stored = state.writer->submit(x->rows);
        if (!stored) {
          if (!is_refusal(stored.failure().code))
            fail(state, stored.failure());
          return to_caf(stored.failure());
        }
        state.uncommitted.push_back(std::move(stored->fact));
        auto promise = self->make_response_promise<accepted>();
        state.submissions.emplace_back(promise, accepted{stored->key, stored->id});
        flush_soon(self);
        return promise;
      },
      [&state](internal_atom, flush_atom, std::uint64_t transaction) {
        if (transaction == state.transaction)
          flush(state);
      },
  };
}

} // namespace muster
