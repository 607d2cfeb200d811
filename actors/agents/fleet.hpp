#pragma once

#include "actors/agents/wire.hpp"

#include <caf/actor_clock.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

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
  reschedule, ///< They are given up: the head starts them elsewhere, as their groups' rules say.
};

/// A node of a FLEET that has come, changed or gone.
struct fleet_change {
  enum class kind : std::uint8_t {
    ready = 1, ///< It takes attempts.
    away,      ///< It cannot be reached, or is not to be used yet; what it runs goes on.
    lost,      ///< It has been away for longer than is waited for.
  };
  std::string node;
  kind what = kind::ready;
  std::string why;      ///< For people; empty for `ready`.
  capabilities offered; ///< Of `ready`, as are
  std::string platform;
  std::map<std::string, std::string> labels;
  std::string address;
};

/// How a FLEET is set up. The functions are called on its thread, and may block for a short time.
struct fleet_setup {
  std::string pool;
  std::string head;           ///< Id of the state directory.
  std::filesystem::path root; ///< Of the state directory.
  std::uint64_t incarnation = 0;
  std::chrono::milliseconds lost_after{60'000};
  std::chrono::milliseconds silence_limit{10'000}; ///< A node that says nothing for so long is away.
  loss_policy on_loss = loss_policy::wait;
  /// Whether whoever says `hello` may join; fails with `forbidden`.
  std::function<result<void>(const hello&)> admit;
  /// Notes durably by which memory a node remembers, unless that is known: since which lease it does.
  std::function<result<epoch>(const std::string& node, const std::string& memory)> remember;
  std::function<bool(attempt_id)> is_over; ///< As the store has it.
  std::function<void(const fleet_change&)> on_change;
};

/// A question of `driver::adopt`, and where the answer goes.
struct adoption_call {
  std::vector<attempt_spec> asked;
  std::promise<std::vector<adoption>> answer;
};

using adopt_atom = caf::atom_constant<caf::atom("adopt")>;
using listen_atom = caf::atom_constant<caf::atom("listen")>;
using prepare_atom = caf::atom_constant<caf::atom("prepare")>;
using publish_atom = caf::atom_constant<caf::atom("publish")>;
using remove_atom = caf::atom_constant<caf::atom("remove")>;
using start_atom = caf::atom_constant<caf::atom("start")>;
using stop_atom = caf::atom_constant<caf::atom("stop")>;
using tick_atom = caf::atom_constant<caf::atom("tick")>;

/// The FLEET: all nodes of a pool that have agents.
using fleet_actor = fleet_link::extend_with<gate_actor>::extend<
    /// From the FLEET's driver: as the functions of `driver`. Grace in milliseconds.
    /// The listener is called on the FLEET's thread; null for none from now on.
    caf::reacts_to<listen_atom, listener_ptr>, caf::reacts_to<prepare_atom, attempt_spec_ptr>,
    caf::reacts_to<start_atom, attempt_id>, caf::reacts_to<stop_atom, attempt_id, std::uint32_t>,
    caf::reacts_to<publish_atom, attempt_id>, caf::reacts_to<remove_atom, attempt_id>,
    caf::reacts_to<adopt_atom, adoption_call_ptr>,
    /// INTERNAL: who is silent, who is lost?
    caf::reacts_to<tick_atom>>;

/// State of the FLEET.
struct fleet_state {
  static inline const char* name = "fleet";
  /// One node, here or away.
  struct node {
    std::string name;
    hello who; ///< As it last joined; without its token.
    capabilities offered;
    agent_link link; ///< Null while it is away.
    inbox in;
    outbox<commands> out;
    attempt_table attempts;
    bool met = false;   ///< It has said all that it holds.
    bool ready = false; ///< As was last told.
    bool lost = false;  ///< Likewise.
    epoch since;
    node_reports held; ///< While it lists them.
    caf::actor_clock::time_point heard;
  };

  fleet_setup setup;
  listener_ptr listener;
  std::map<std::string, node> nodes;
  std::unordered_map<std::uint64_t, std::string> sessions; ///< Which node each belongs to.
  /// The node that an attempt was given to last, and its folder here.
  struct given {
    std::string node;
    std::filesystem::path folder;
  };
  std::unordered_map<attempt_id, given> where;
  std::uint64_t next_session = 1;
};

/// Blocks for short times on files.
fleet_actor::behavior_type fleet(fleet_actor::stateful_pointer<fleet_state> self, fleet_setup setup);

/// The driver that a FLEET is: runs each attempt on the node that it names. It ends before the FLEET does. Publishing
/// is done here, in the state directory: nodes must share it.
[[nodiscard]] std::unique_ptr<driver> make_fleet_driver(fleet_actor to, capabilities offered);

} // namespace muster::agent
