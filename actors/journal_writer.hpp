#pragma once

#include "actors/journal.hpp"
#include "actors/meters.hpp"
#include "muster/store/writer.hpp"

#include <memory>
#include <optional>
#include <vector>

namespace muster {

/// State of the JOURNAL WRITER.
struct journal_writer_state {
  static inline const char* name = "journal_writer";

  std::shared_ptr<store::writer> writer;
  event_hub_actor hub;
  failure_handler on_failure;
  std::shared_ptr<meters> counted;
  bool failed = false;

  // -- of the batch that is being written
  std::vector<event_list*> appended; ///< In the order of its numbers; null for a submission.
  event_list submitted;              ///< What submissions became.
  std::optional<error> problem;      ///< Why it is rolled back.
};

/// The only writer of the store; spawned detached, because it waits for the disk. A batch is a transaction: answered
/// when it is durable, and its events are passed on to the EVENT HUB then. A store without room is told
/// (`journal_answers::full`), and the JOURNAL may try again. If the store refuses to write for any other reason, it
/// says so to `on_failure`, answers everything with an error from then on, and writes nothing more.
journal_writer_actor::behavior_type journal_writer(journal_writer_actor::stateful_pointer<journal_writer_state> self,
                                                   std::shared_ptr<store::writer> writer, event_hub_actor hub,
                                                   std::shared_ptr<meters> counted, failure_handler on_failure);

} // namespace muster
