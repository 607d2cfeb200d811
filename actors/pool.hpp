#pragma once

#include "actors/context.hpp"
#include "actors/meters.hpp"
#include "actors/pool_setup.hpp"
#include "muster/placement/addresses.hpp"
#include "muster/placement/gang_queue.hpp"
#include "muster/placement/network_addresses.hpp"
#include "muster/placement/short_runs.hpp"

#include <caf/actor_clock.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace muster {

/// How a POOL is set up.
struct pool_config {
  std::string name = "local";
  std::shared_ptr<const config::pool_policy> policy = std::make_shared<config::pool_policy>();
  std::uint32_t max_parallel = 0; ///< Members that hold a place at the same time; 0 for any number.
  double oversubscribe = 1.0;
  std::uint32_t first_address = 0; ///< Where addresses and networks begin; differs between runtimes of one host.
  epoch first_epoch;               ///< Higher than any epoch that an earlier runtime gave out.
  bool is_default = false;
  bool may_grow = false; ///< Nodes may join at any time: who would fit with more of them waits for them.
  /// What ran on a node that was away for so long is given up; none: it waits for the node.
  std::optional<std::chrono::seconds> gives_up_after;
  /// Who was asked to make way, and has not after this time, is not waited for.
  std::chrono::seconds leave_within{60};
  std::shared_ptr<meters> counted = std::make_shared<meters>();
};

/// State of the POOL.
struct pool_state {
  static inline const char* name = "pool";

  /// A gang that waits or holds a lease.
  struct client {
    group_actor group;
    std::uint32_t ticket = 0;
    group_part who;
    plan_ptr layout;                    ///< Of its workflow.
    workflow_terms terms;               ///< Likewise.
    std::int64_t at_most = 0;           ///< See `placement_request`.
    bool expected = false;              ///< Its places are booked before its group has asked.
    std::vector<std::string> addresses; ///< One per member once it has a lease, or held some before.
    std::string network_of;             ///< The node whose networks those are of; empty for none.
    assignment where;                   ///< While it has places and waits for a network.
    epoch lease;                        ///< 0 until it is told of a place.
    attempt_id last;                    ///< See `placement_request`.
    std::string leaves;                 ///< Why it was asked to make way; empty if it was not.
    caf::actor_clock::time_point since; ///< When it had its places; zero before.
    caf::actor_clock::time_point asked; ///< When it asked for them; before this head began, if it waited then.
    std::uint64_t early = 0;            ///< Its entry in `early`; 0 for none.
    /// Nodes that it does not take, until then.
    std::vector<std::string> avoids;
    caf::actor_clock::time_point avoids_until;
  };
  /// What came before there was a node, or before that on which it holds places, or while nothing was placed.
  struct early_request {
    placement_request what;
    plan_ptr layout;
    std::optional<wait_reason> lacks{}; ///< What the nodes lack for it, were they all empty;
    std::uint64_t looked_at = 0;        ///< when there were these, see `offers`.
  };
  /// A node that is known, and how it is.
  struct member_node {
    pool_node_ptr what;
    node_condition condition = node_condition::ready;
    std::string why;     ///< It is in that condition; for people.
    std::string vacated; ///< Why those who hold places there are to leave; empty if they may stay.
    std::optional<network_addresses> networks{}; ///< Where its executor makes networks.
  };
  /// Gangs that have places and wait for a network, oldest first.
  using network_line = std::deque<gang_key>;
  /// Those of one node.
  struct network_lines {
    network_line gangs; ///< For a block.
    network_line alone; ///< For an address of the shared block.
    [[nodiscard]] bool is_empty() const noexcept { return gangs.empty() && alone.empty(); }
  };

  pool_config config;
  std::map<std::string, member_node> nodes;
  std::uint64_t offers = 1; ///< Counts how often what all nodes offer together has changed.
  bool has_changed = false; ///< A node offers something else than it did once: who holds places there may fit no more.
  std::size_t leaving = 0;  ///< Of `nodes`: those that are `gone`, and on which somebody holds places.
  gang_queue queue{{}, {}};
  std::unordered_map<gang_key, client> clients;
  loopback_addresses addresses{0};
  std::map<std::string, network_lines> waiting; ///< By node; none is empty.
  std::set<gang_key> avoiding;                  ///< Those that wait for others than some nodes are among these.
  bool looks_for_victims = false;               ///< It will see whether somebody should make way.
  short_runs runs;                              ///< How long places are held, of late.
  epoch next_epoch;
  std::map<std::uint64_t, early_request> early; ///< By arrival.
  std::uint64_t arrivals = 0;
  node_amounts at_least;                     ///< What the head's own machine is to be taken for when it joins.
  std::map<std::string, std::string> paused; ///< By whose wish nothing is placed for now, and why; empty if it is.
  std::string unavailable;                   ///< Why there is no node, for people.

  /// Whether there is a node that has not left.
  [[nodiscard]] bool has_node() const noexcept { return nodes.size() > leaving; }
};

/// Free capacity, the queue and gang placement of one pool.
pool_actor::behavior_type pool(pool_actor::stateful_pointer<pool_state> self, pool_config config,
                               failure_handler on_failure);

} // namespace muster
