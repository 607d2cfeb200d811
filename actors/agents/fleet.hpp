#pragma once

#include "actors/agents/kept_actor.hpp"
#include "actors/agents/wire.hpp"
#include "actors/protocol/type_ids.hpp"
#include "muster/base/random.hpp"
#include "muster/store/service.hpp"

#include <caf/actor_clock.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace muster::agent {

/// What becomes of the attempts of a node that is lost.
enum class loss_policy : std::uint8_t {
  wait = 1,   ///< They stay as they are until the node is back, or somebody decides.
  reschedule, ///< They are given up, and fenced: their gangs leave the node and are placed elsewhere.
};

/// A node of a FLEET that has come, changed or gone.
struct fleet_change {
  enum class kind : std::uint8_t {
    ready = 1, ///< It is here, and takes attempts if that is its duty.
    away,      ///< It cannot be reached, or is not to be used yet; what it runs goes on.
    lost,      ///< It has been away for longer than is waited for.
    removed,   ///< It was struck off the list.
    overdue,   ///< It should have been drained by now: what it runs is to make way.
  };
  std::string node;
  kind what = kind::ready;
  store::node_duty duty = store::node_duty::serving;
  std::string why; ///< For people; empty for `ready` and `serving`.
  capabilities offered;
  std::string platform;
  std::map<std::string, std::string> labels;
  std::string address;
};

/// The part of the JOURNAL that a FLEET knows.
using node_store_actor = caf::typed_actor<caf::replies_to<commit_atom, service_change_ptr>::with<service_answer>,
                                          caf::reacts_to<record_atom, service_change_ptr>>;

/// How a FLEET is set up. The functions are called on its thread, and may block for a short time.
struct fleet_setup {
  std::string pool;
  std::string head;           ///< Id of the state directory.
  std::filesystem::path root; ///< Of the state directory.
  std::uint64_t incarnation = 0;
  /// Asked for the number of each session, which is all that a LINK knows its agent by: it must not be guessed.
  std::function<std::uint64_t()> draw_session = random_number;
  std::chrono::milliseconds lost_after{60'000};
  std::chrono::milliseconds silence_limit{10'000}; ///< A node that says nothing for so long is away.
  /// A head that was itself held up for longer (stopped, its machine paused) has heard nobody meanwhile: that time is
  /// not held against its nodes.
  std::chrono::milliseconds held_up_after{2'000};
  loss_policy on_loss = loss_policy::wait;
  std::vector<store::node_record> known; ///< Its nodes, as an earlier runtime left them.
  epoch first_lease;                     ///< All leases of earlier runtimes are older.
  /// Where nodes are noted, durably, before they are made welcome. Null: nowhere.
  node_store_actor store;
  std::function<bool(attempt_id)> is_over; ///< As the store has it.
  std::function<timestamp()> now;          ///< The wall clock; unset: that of the machine.
  std::function<void(const fleet_change&)> on_change;
  std::function<void(const error&)> on_failure; ///< A bug of it; may be unset.
};

/// A question of `driver::adopt`, and where the answer goes.
struct adoption_call {
  std::vector<attempt_spec> asked;
  std::promise<std::vector<adoption>> answer;
};

using close_atom = caf::atom_constant<caf::atom("close")>;
using open_atom = caf::atom_constant<caf::atom("open")>;
using assign_atom = caf::atom_constant<caf::atom("assign")>;
using adopt_atom = caf::atom_constant<caf::atom("adopt")>;
using flush_atom = caf::atom_constant<caf::atom("flush")>;
using listen_atom = caf::atom_constant<caf::atom("listen")>;
using prepare_atom = caf::atom_constant<caf::atom("prepare")>;
using publish_atom = caf::atom_constant<caf::atom("publish")>;
using remove_atom = caf::atom_constant<caf::atom("remove")>;
using start_atom = caf::atom_constant<caf::atom("start")>;
using stop_atom = caf::atom_constant<caf::atom("stop")>;
using tick_atom = caf::atom_constant<caf::atom("tick")>;

/// When an agent said last that it is there: set by the LINK of its session, for the FLEET.
using last_word = std::shared_ptr<std::atomic<caf::actor_clock::time_point>>;

/// The FLEET: all nodes of a pool that have agents. `hello` comes from the GATE.
using fleet_actor = gate_actor::extend<
    /// From the LINK of an agent, as it says so.
    caf::reacts_to<report_atom, reports>, caf::reacts_to<ack_atom, std::uint64_t, std::uint64_t>,
    /// From the FLEET's driver: as the functions of `driver`. Grace in milliseconds.
    /// The listener is called on the FLEET's thread; null for none from now on.
    caf::reacts_to<listen_atom, listener_ptr>, caf::reacts_to<prepare_atom, attempt_spec_ptr>,
    caf::reacts_to<start_atom, attempt_id>, caf::reacts_to<stop_atom, attempt_id, std::uint32_t>,
    caf::reacts_to<publish_atom, attempt_id>, caf::reacts_to<remove_atom, attempt_id>,
    caf::reacts_to<adopt_atom, adoption_call_ptr>,
    /// From the facade: what a node is for from now on. Answered when it is noted; `not_found` for a node that is not
    /// of this pool.
    caf::replies_to<assign_atom, service_change_ptr>::with<service_answer>,
    /// From the facade: this node is gone for good. What it held is given up, and when the head needs nothing of it any
    /// more it is struck off; answered then, with how many attempts were given up. `conflict` while its agent is there,
    /// or while it may be back and holds something, unless that is forced.
    caf::replies_to<remove_atom, std::string, bool>::with<service_answer>,
    /// From the facade: the pool is to be removed, so nobody is let in any more. `conflict` if there is a node, with
    /// its name; then all stays as it is.
    caf::replies_to<close_atom>::with<service_answer>,
    /// From the facade: the nodes that are here, and have said all that they hold.
    caf::replies_to<report_atom>::with<std::vector<std::string>>,
    /// From the facade: it is not removed after all.
    caf::reacts_to<open_atom>,
    /// INTERNAL: who is silent, who is lost?
    caf::reacts_to<tick_atom>,
    /// INTERNAL: what was queued for nodes is to be sent.
    caf::reacts_to<flush_atom>>;

/// State of the FLEET.
struct fleet_state {
  static inline const char* name = "fleet";
  /// One node, here or away.
  struct node {
    std::string name;
    store::node_record noted; ///< As the store has it; without a memory if it does not.
    capabilities offered;
    agent_link link;               ///< Null while it is away. Sent to without a sender: see `node_link`.
    std::uint64_t incarnation = 0; ///< Of the agent that was welcomed last.
    fleet_link door;               ///< What the agent has of the head meanwhile.
    end_permit door_may_end;
    last_word said_alive; ///< Null before the first session.
    inbox in;
    report_reader reader;
    outbox<commands> out;
    attempt_table attempts;
    bool to_flush = false;       ///< In the list of that name.
    bool met = false;            ///< It has said all that it holds.
    bool ready = false;          ///< As was last told.
    bool lost = false;           ///< Likewise.
    bool overdue = false;        ///< Likewise.
    bool is_being_noted = false; ///< Somebody who joins as this node is being written down; or it is struck off.
    bool struck = false;         ///< It is not waited for: it is to be struck off, or was never noted.
    caf::typed_response_promise<service_answer> on_struck; ///< Pending while it is to be struck off.
    std::int64_t given_up = 0;                             ///< For that answer.
    node_reports held;                                     ///< While it lists them.
    caf::actor_clock::time_point heard;                    ///< Anything, as long as it is connected.
    caf::actor_clock::time_point seen; ///< It was met last; one that only ever begins to join is not.
  };

  fleet_setup setup;
  bool is_closed = false; ///< Its pool is being removed.
  listener_ptr listener;
  std::map<std::string, node> nodes;
  std::vector<std::string> to_flush; ///< Nodes that something was queued for; a `flush` is under way if there are any.
  std::unordered_map<std::uint64_t, std::string> sessions; ///< Which node each belongs to.
  /// The node that an attempt was given to last, and its folder here.
  struct given {
    std::string node;
    std::filesystem::path folder;
  };
  std::unordered_map<attempt_id, given> where;
  epoch newest_lease;                      ///< Of all that nodes were told of.
  caf::actor_clock::time_point next_alive; ///< When agents are told next that their head is there.
  caf::actor_clock::time_point next_review;
  caf::actor_clock::time_point next_look; ///< When the next tick is due.
};

/// To an agent that wants to join a pool that is not here.
[[nodiscard]] error no_such_pool(const std::string& pool);

/// Blocks for short times on files.
fleet_actor::behavior_type fleet(fleet_actor::stateful_pointer<fleet_state> self, fleet_setup setup);

/// The driver that a FLEET is: runs each attempt on the node that it names. It ends before the FLEET does. Publishing
/// is done here, in the state directory: nodes must share it.
[[nodiscard]] std::unique_ptr<driver> make_fleet_driver(fleet_actor to, capabilities offered);

} // namespace muster::agent
