#pragma once

#include "actors/agents/held_attempts.hpp"
#include "actors/agents/kept_actor.hpp"
#include "actors/agents/wire.hpp"
#include "executors/remote/ledger.hpp"

#include <caf/actor_clock.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace muster::agent {

using begin_atom = caf::atom_constant<caf::atom("begin")>;
using renew_atom = caf::atom_constant<caf::atom("renew")>;
using tick_atom = caf::atom_constant<caf::atom("tick")>;

/// The AGENT, as its own process sees it.
using agent_actor = agent_link::extend<
    /// From the connector: the head has answered, and this is where it listens. Answered when what this node holds has
    /// been looked through; an error says why it cannot serve that head.
    caf::replies_to<begin_atom, welcome, fleet_link>::with<std::uint64_t>,
    /// From its owner: what the node has is not what it joined with; the session ends, and the next one says so.
    caf::reacts_to<renew_atom>,
    /// INTERNAL, from the driver's thread.
    caf::reacts_to<report_atom, report_list>,
    /// INTERNAL: say that it is there, and see whether the head is.
    caf::reacts_to<tick_atom>>;

/// What an AGENT works with.
struct agent_setup {
  std::shared_ptr<driver> runs;                    ///< Probed, and not listened to by anybody.
  std::vector<std::string> drivers;                ///< Which it has; the first is for attempts that name none.
  std::filesystem::path ledger;                    ///< Where what it was told is noted.
  std::chrono::milliseconds look_every{250};       ///< Where no head is, whether one has come.
  std::chrono::milliseconds silence_limit{20'000}; ///< A head that says nothing for so long is not there.
  std::function<void()> on_end;                    ///< A session has ended: connect again. From the actor's thread.
  std::function<void(const error&)> on_failure{};  ///< A bug of it; likewise.
  end_permit may_end{};                            ///< Null: anybody may end it.
};

/// State of the AGENT: carries out what the head of its node wants.
struct agent_state {
  static inline const char* name = "agent";

  std::unique_ptr<driver_listener> listener; ///< Before the driver, which calls it to its end.
  agent_setup setup;
  std::string head;           ///< Whose attempts these are; empty before the first.
  std::filesystem::path root; ///< Its state directory, as this machine has it.
  std::optional<remote::ledger> ledger;
  held_attempts held;
  command_reader reader{{}};
  fleet_link to;
  inbox in;
  outbox<reports> out;
  caf::actor_clock::time_point heard;
  std::chrono::milliseconds alive_every{0}; ///< As the head wants it, in a session.
};

/// Blocks for short times on its ledger; its process has no other actors. The driver must have ended before its state
/// goes.
agent_actor::behavior_type run_agent(kept_actor<agent_actor::stateful_base<agent_state>>* self, agent_setup setup);

} // namespace muster::agent
