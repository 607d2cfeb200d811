#pragma once

#include "muster/state/status.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

/// What a runtime says of itself in numbers. Plain values, and never an id: their size does not depend on what runs.
namespace muster {

/// How often something fell into which range. `counts[i]` is of values up to `bounds[i]` and above the bound before;
/// the last one, without a bound, of all that are larger.
struct histogram {
  std::vector<double> bounds;
  std::vector<std::uint64_t> counts; ///< One more than `bounds`.
  double sum = 0;
  std::uint64_t count = 0;
};

/// By status; of statuses that do not occur there is none.
using status_tally = std::map<status, std::uint64_t>;

/// The executor behind one or several pools.
struct driver_measures {
  std::string pools;  ///< Names, joined by commas.
  histogram prepares; ///< Seconds from `prepare` to its end, the start included where that follows by itself.
  histogram starts;   ///< Seconds from `start` to its end.
  std::uint64_t prepares_failed = 0;
  std::uint64_t starts_failed = 0;
  std::uint64_t exits = 0;
  std::uint64_t lost = 0;
  std::size_t attempts = 0; ///< It has in hand now.
};

/// What waits for an actor, as of about a second ago.
struct mailbox_measures {
  std::string actor;       ///< `journal`, `pool local`, ...
  std::uint64_t depth = 0; ///< Messages.
  double wait = 0;         ///< Seconds that a message waits there; grows while the actor does not come to it.
};

/// The process that the runtime lives in.
struct process_measures {
  double cpu_seconds = 0;
  std::uint64_t resident_bytes = 0;
  std::uint64_t virtual_bytes = 0;
  std::uint64_t threads = 0;
  std::uint64_t open_files = 0;
  double start_time = 0; ///< Seconds since 1970.
};

/// All of it.
struct measures {
  // -- what is live, now
  status_tally workflows; ///< Those that have not finished, and are live.
  status_tally groups;    ///< Of these, those that have not finished.
  status_tally tasks;     ///< Likewise.
  // -- since the start of the runtime
  status_tally workflow_transitions; ///< Into each status, final ones as well.
  status_tally group_transitions;
  status_tally task_transitions;
  std::uint64_t submissions = 0;
  histogram queue_wait;   ///< Seconds from the request for places to having them.
  histogram barrier_wait; ///< Seconds for which a prepared member of a gang waited for the others.
  histogram placement;    ///< Seconds that the POOL took to answer one request.
  std::vector<driver_measures> drivers;
  histogram commit_time; ///< Seconds per transaction, from its first row to the disk.
  histogram batch_size;  ///< Entries per transaction.
  std::uint64_t events = 0;
  bool store_full = false;
  // -- now
  std::size_t journal_backlog = 0; ///< Entries that wait for the JOURNAL WRITER.
  std::vector<mailbox_measures> mailboxes;
  std::size_t subscribers = 0; ///< Of the EVENT HUB.
  std::size_t monitors = 0;    ///< Remote ones.
  process_measures process;
};

} // namespace muster
