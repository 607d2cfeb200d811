#pragma once

#include "actors/context.hpp"
#include "muster/store/writer.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace muster {

/// A workflow on its way into the store; owns what the rows' views point to.
struct submission {
  store::submission rows;
  plan_ptr layout;
  std::string spec_text;
  node_amounts at_least; ///< What the pool's nodes must be taken for.
};

/// State of the JOURNAL: the writer, and what waits for the commit of the open transaction.
struct journal_state {
  static inline const char* name = "journal";

  /// How long facts may wait for a commit when nobody is in a hurry: one fsync then serves all of that time.
  static constexpr std::chrono::milliseconds patience{20};

  template <class T>
  using waiting_list = std::vector<std::pair<caf::typed_response_promise<T>, T>>;

  std::shared_ptr<store::writer> writer;
  event_hub_actor hub;
  failure_handler on_failure;
  std::vector<event> uncommitted;
  waiting_list<sequence> commits;
  waiting_list<accepted> submissions;
  bool flush_sent = false;       ///< A flush is in the mailbox.
  bool flush_due = false;        ///< A flush will come by the clock.
  std::uint64_t transaction = 0; ///< How many were committed.
  bool failed = false;
};

/// The only writer of the store. Spawned detached, because it waits for the disk. Requests that are in its mailbox when
/// it begins a transaction share one commit. If the store refuses to write, it says so to `on_failure`, answers every
/// request with an error from then on, and writes nothing more.
journal_actor::behavior_type journal(journal_actor::stateful_pointer<journal_state> self,
                                     std::shared_ptr<store::writer> writer, event_hub_actor hub,
                                     failure_handler on_failure);

} // namespace muster
