#include "actors/journal.hpp"

#include "actors/mailbox_meter.hpp"

#include "actors/errors.hpp"
#include "actors/journal_backlog.hpp"
#include "muster/base/log.hpp"

#include <caf/all.hpp>

#include <algorithm>
#include <iterator>
#include <utility>

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
void free_room(journal_pointer self);

void refuse(journal_state::promise& waiting, const error& why) {
  journal_answer answer{why};
  std::visit(deliver{answer}, waiting);
}

/// Refuses what asks for something new, and keeps the rest; what leaves room is tried by itself.
void refuse_new(journal_state& state, const error& why) {
  std::vector<journal_entry> kept;
  std::vector<journal_state::promise> waiting;
  for (std::size_t i = 0; i < state.gathered.size(); ++i) {
    if (frees_room(state.gathered[i])) {
      state.freeing.push_back(std::move(state.gathered[i]));
      state.waiting_to_free.push_back(std::move(state.waiting[i]));
      continue;
    }
    if (is_refusable(state.gathered[i])) {
      refuse(state.waiting[i], why);
      continue;
    }
    kept.push_back(std::move(state.gathered[i]));
    waiting.push_back(std::move(state.waiting[i]));
  }
  state.gathered = std::move(kept);
  state.waiting = std::move(waiting);
}

/// The store has no room for `batch`, which is tried again, ahead of what came meanwhile.
void wait_for_room(journal_pointer self, journal_batch& batch, std::vector<journal_state::promise>& waiting,
                   const error& why) {
  auto& state = self->state;
  if (!state.health->is_full())
    log::error("journal", "store is full: nothing new is accepted, what runs goes on", {{"why", why.message}});
  state.health->set_full(why.message);
  std::swap(state.gathered, batch.entries);
  std::swap(state.waiting, waiting);
  std::move(batch.entries.begin(), batch.entries.end(), std::back_inserter(state.gathered));
  std::move(waiting.begin(), waiting.end(), std::back_inserter(state.waiting));
  refuse_new(state, *state.health->refusal());
  state.facts = coalesce(state.gathered);
  state.health->set_backlog(state.gathered.size());
  state.flush_wanted = false;
  self->delayed_send(self, state.pause, internal_atom::value, flush_atom::value, state.transaction);
  state.pause = std::min(2 * state.pause, journal_state::longest_pause);
}

void settle_batch(journal_pointer self, journal_batch& batch, std::vector<journal_state::promise>& waiting,
                  journal_answers& said) {
  auto& state = self->state;
  state.is_writing = false;
  if (said.full) {
    wait_for_room(self, batch, waiting, *said.full);
    return free_room(self);
  }
  if (state.health->is_full()) {
    state.health->clear();
    if (!batch.entries.empty()) {
      log::warn("journal", "store has room again", {});
      state.pause = journal_state::first_pause;
    }
    state.bound = journal_state::first_bound;
    state.flush_wanted = true; // Nobody asked for one meanwhile.
  }
  for (std::size_t i = 0; i < waiting.size(); ++i)
    std::visit(deliver{said.answers[i]}, waiting[i]);
  free_room(self); // What came in the meantime.
  if (!state.is_writing && std::exchange(state.flush_wanted, false))
    flush(self);
}

/// Gives a full store what leaves room there, by itself: what waits for room must not keep it from being made.
void free_room(journal_pointer self) {
  auto& state = self->state;
  if (state.freeing.empty() || state.is_writing)
    return;
  state.is_writing = true;
  auto batch = std::make_shared<journal_batch>(journal_batch{std::exchange(state.freeing, {})});
  const auto waiting = std::make_shared<std::vector<journal_state::promise>>(std::exchange(state.waiting_to_free, {}));
  self->request(state.writer, caf::infinite, commit_atom::value, journal_batch_ptr{batch})
      .then(
          [self, waiting](const journal_answers_ptr& said) {
            auto& now = self->state;
            now.is_writing = false;
            for (std::size_t i = 0; i < waiting->size(); ++i)
              if (said->full)
                refuse((*waiting)[i], *said->full);
              else
                std::visit(deliver{said->answers[i]}, (*waiting)[i]);
            free_room(self);
            if (!now.is_writing && std::exchange(now.flush_wanted, false))
              flush(self);
          },
          [](const caf::error&) { /* The writer is gone, and the runtime is ending. */ });
}

/// Gives the writer what was gathered, now or when it has done the batch before.
void flush(journal_pointer self) {
  auto& state = self->state;
  state.flush_sent = false;
  if (state.gathered.empty() && !state.health->is_full()) // An empty batch tries whether there is room.
    return;
  if (state.is_writing) {
    state.flush_wanted = true;
    return;
  }
  state.flush_due = false;
  state.facts = 0;
  state.health->set_backlog(0);
  state.is_writing = true;
  ++state.transaction;
  auto batch = std::make_shared<journal_batch>(journal_batch{std::exchange(state.gathered, {})});
  const auto waiting = std::make_shared<std::vector<journal_state::promise>>(std::exchange(state.waiting, {}));
  self->request(state.writer, caf::infinite, commit_atom::value, journal_batch_ptr{batch})
      .then([self, batch, waiting](const journal_answers_ptr& said) { settle_batch(self, *batch, *waiting, *said); },
            [](const caf::error&) { /* The writer is gone, and the runtime is ending. */ });
}

/// Puts a flush behind everything that is in the mailbox now.
void flush_soon(journal_pointer self) {
  if (!self->state.health->is_full() && !std::exchange(self->state.flush_sent, true))
    self->send(self, internal_atom::value, flush_atom::value, self->state.transaction);
}

/// Makes sure that a flush comes within `patience`.
void flush_later(journal_pointer self) {
  auto& state = self->state;
  if (state.health->is_full()) {
    if (state.facts >= state.bound)
      state.bound = std::max(journal_state::first_bound, 2 * (state.facts = coalesce(state.gathered)));
    return;
  }
  if (state.facts >= large_transaction)
    flush_soon(self);
  else if (!state.flush_sent && !std::exchange(state.flush_due, true))
    self->delayed_send(self, journal_state::patience, internal_atom::value, flush_atom::value, state.transaction);
}

/// Else they would get the time at which there was room.
void stamp(event_list& list) {
  const auto now = std::chrono::time_point_cast<timestamp::duration>(timestamp::clock::now());
  for (auto& x : list.events)
    if (x.time == timestamp{})
      x.time = now;
}

void gather(journal_pointer self, journal_entry x, journal_state::promise who) {
  auto& state = self->state;
  if (state.health->is_full() && frees_room(x)) {
    state.freeing.push_back(std::move(x));
    state.waiting_to_free.push_back(std::move(who));
    return free_room(self);
  }
  if (state.health->is_full() && is_refusable(x))
    return refuse(who, *state.health->refusal());
  if (auto* list = std::get_if<event_list>(&x)) {
    state.facts += list->events.size();
    if (state.health->is_full())
      stamp(*list);
  }
  state.gathered.push_back(std::move(x));
  state.waiting.push_back(std::move(who));
  state.health->set_backlog(state.gathered.size());
}

} // namespace

journal_actor::behavior_type journal(journal_actor::stateful_pointer<journal_state> self, journal_writer_actor writer,
                                     std::shared_ptr<store_health> health, const failure_handler& on_failure) {
  auto& state = self->state;
  guard(self, "journal", on_failure);
  state.writer = std::move(writer);
  state.health = std::move(health);
  return {
      depth_of_mailbox(self),
      [self](commit_atom, event_list& list) -> caf::result<sequence> {
        auto promise = self->make_response_promise<sequence>();
        gather(self, std::move(list), promise);
        flush_soon(self);
        return promise;
      },
      [self](settle_atom, event_list& list) -> caf::result<sequence> {
        auto promise = self->make_response_promise<sequence>();
        gather(self, std::move(list), promise);
        flush_later(self);
        return promise;
      },
      [self](record_atom, event_list& list) {
        gather(self, std::move(list), {});
        flush_later(self);
      },
      [self, &state](grow_atom, const growth_ptr& x) {
        state.facts += x->rows.tasks.size();
        gather(self, x, {});
        flush_later(self);
      },
      [self](settle_atom, const cache_change_ptr& x) -> caf::result<sequence> {
        auto promise = self->make_response_promise<sequence>();
        gather(self, x, promise);
        flush_later(self);
        return promise;
      },
      [self](commit_atom, const service_change_ptr& x) -> caf::result<service_answer> {
        auto promise = self->make_response_promise<service_answer>();
        gather(self, x, promise);
        flush_soon(self);
        return promise;
      },
      [self](record_atom, const service_change_ptr& x) {
        gather(self, x, {});
        flush_later(self);
      },
      [self](submit_atom, const submission_ptr& x) -> caf::result<accepted> {
        auto promise = self->make_response_promise<accepted>();
        gather(self, x, promise);
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
