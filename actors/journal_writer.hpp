#pragma once

#include "actors/journal.hpp"
#include "muster/store/writer.hpp"

#include <memory>
#include <vector>

namespace muster {

/// State of the JOURNAL WRITER.
struct journal_writer_state {
  static inline const char* name = "journal_writer";

  std::shared_ptr<store::writer> writer;
  event_hub_actor hub;
  failure_handler on_failure;
  std::vector<event> uncommitted;
  bool failed = false;
};

/// The only writer of the store; spawned detached, because it waits for the disk. A batch is a transaction: answered
/// when it is durable, and its events are passed on to the EVENT HUB then. If the store refuses to write, it says so to
/// `on_failure`, answers everything with an error from then on, and writes nothing more.
journal_writer_actor::behavior_type journal_writer(journal_writer_actor::stateful_pointer<journal_writer_state> self,
                                                   std::shared_ptr<store::writer> writer, event_hub_actor hub,
                                                   failure_handler on_failure);

} // namespace muster
