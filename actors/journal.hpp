#pragma once

#include "actors/context.hpp"
#include "actors/store_health.hpp"
#include "muster/store/submission.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace muster {

/// A workflow on its way into the store; owns what the rows' views point to.
struct submission {
  store::submission rows;
  plan_ptr layout;
  std::string spec_text;
  node_amounts at_least; ///< What the pool's nodes must be taken for.
  /// Of a flow: what it is run by, and each of its gangs once, for the POOL to look at. Null for others.
  std::shared_ptr<const spec::workflow> definition{};
  plan_ptr gangs{};
  /// The pool stays as long as this is on its way; see `pool_users`.
  std::shared_ptr<const void> keeps_pool{};
};

/// More of a workflow on its way into the store; owns what the rows' views point to.
struct growth {
  store::growth rows;
  plan_ptr chunk;
};

/// What one message brought to the JOURNAL.
using journal_entry = std::variant<event_list, submission_ptr, growth_ptr, cache_change_ptr, service_change_ptr>;

/// What becomes one transaction of the store, in this order.
struct journal_batch {
  std::vector<journal_entry> entries;
};

/// What became of an entry: facts and growth have the last sequence that was given by then, a submission its name, a
/// change of the service's tables its number.
using journal_answer = std::variant<sequence, accepted, service_answer, error>;

/// One for each entry, in the same order.
struct journal_answers {
  std::vector<journal_answer> answers;
  /// Set: the store has no room. There are no answers, nothing of the batch is stored, and the batch is as it was.
  std::optional<error> full{};
};

/// State of the JOURNAL: the batch that is being gathered, and who waits for what.
struct journal_state {
  static inline const char* name = "journal";

  /// How long facts may wait for a commit when nobody is in a hurry: one message to the writer and one fsync then serve
  /// all of that time.
  static constexpr std::chrono::milliseconds patience{20};
  /// How long it waits before it tries a full store again: twice as long each time, up to the longest.
  static constexpr std::chrono::milliseconds first_pause{250};
  static constexpr std::chrono::milliseconds longest_pause{5'000};
  /// Facts gathered while the store is full before it is looked at which of them later ones make void.
  static constexpr std::size_t first_bound = 65'536;

  using sequence_promise = caf::typed_response_promise<sequence>;
  using accepted_promise = caf::typed_response_promise<accepted>;
  using service_promise = caf::typed_response_promise<service_answer>;
  /// Of the entry at the same place in the batch.
  using promise = std::variant<std::monostate, sequence_promise, accepted_promise, service_promise>;

  journal_writer_actor writer;
  std::vector<journal_entry> gathered;
  std::vector<promise> waiting; ///< For `gathered`.
  /// While the store is full: what would leave room, ahead of `gathered` and tried once.
  std::vector<journal_entry> freeing;
  std::vector<promise> waiting_to_free; ///< For `freeing`.
  std::size_t facts = 0;                ///< In `gathered`.
  bool is_writing = false;              ///< The writer has a batch.
  bool flush_wanted = false;            ///< When the writer has done that one.
  bool flush_sent = false;              ///< A flush is in the mailbox.
  bool flush_due = false;               ///< A flush will come by the clock.
  std::uint64_t transaction = 0;        ///< How many batches were given to the writer.
  std::shared_ptr<store_health> health;
  std::chrono::milliseconds pause{first_pause}; ///< While the store is full.
  std::size_t bound = first_bound;              ///< Likewise.
};

/// Gathers what is to be recorded, and gives it to the JOURNAL WRITER batch by batch, one at a time: what comes while a
/// batch is being written shares the next commit. A batch for which the store has no room is tried again until there
/// is; meanwhile what asks for something new is refused with `store_full`, and what leaves room is tried at once,
/// alone.
journal_actor::behavior_type journal(journal_actor::stateful_pointer<journal_state> self, journal_writer_actor writer,
                                     std::shared_ptr<store_health> health, const failure_handler& on_failure);

} // namespace muster
