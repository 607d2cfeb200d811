#pragma once

#include "actors/meters.hpp"
#include "actors/monitor_admission.hpp"
#include "actors/protocol/monitor.hpp"
#include "muster/store/layout.hpp"
#include "muster/store/reader.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>

namespace muster {

/// What the MONITOR GATE and who wakes it share.
struct gate_signal {
  std::atomic<bool> awake{false}; ///< A `wake` is in the mailbox.
};

/// State of the MONITOR GATE.
struct monitor_gate_state {
  static inline const char* name = "monitor_gate";
  static constexpr std::size_t most_subscriptions = 256;
  static constexpr std::chrono::seconds bookmark_interval{15};

  struct subscriber {
    monitor::monitor_actor to;
    store::event_query query;
    std::string token;
    std::optional<std::string> only_user; ///< Events of this one's workflows alone.
    std::uint32_t credit = 0;
    caf::actor_clock::time_point last_sent; ///< Something.
    bool at_end = false;                    ///< It had all that there was.
  };

  store::state_directory directory{""};
  std::optional<store::reader> reader;
  std::shared_ptr<meters> counted;
  std::shared_ptr<gate_signal> signal;
  monitor_admission admit; ///< Empty: everybody sees everything.
  std::map<std::uint64_t, subscriber> subscribers;
  std::uint64_t next_number = 1;
  std::uint64_t incarnation = 0;
};

/// Serves monitors in other processes from the log on disk; to be spawned detached, because it reads. Holds for each
/// one no more than a page, and has sent it no more than its credit. Nobody is sent anything once `admit` says no.
monitor::gate_actor::behavior_type monitor_gate(monitor::gate_actor::stateful_pointer<monitor_gate_state> self,
                                                store::state_directory directory, std::shared_ptr<meters> counted,
                                                std::shared_ptr<gate_signal> signal, monitor_admission admit);

} // namespace muster
