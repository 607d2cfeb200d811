#pragma once

#include "actors/agents/fleet.hpp"
#include "actors/pool_setup.hpp"
#include "muster/store/layout.hpp"

#include <caf/actor_system.hpp>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace muster {

/// Between a FLEET and the POOL whose nodes it has. Thread-safe.
class fleet_to_pool {
public:
  /// The POOL hears of nodes from now on, and of what was said before.
  void connect(pool_actor to, executor_actor runs);
  void tell(const agent::fleet_change& x);
  /// Lets go of both.
  void end();

private:
  void pass_on(const agent::fleet_change& x) const;

  std::mutex mutex_;
  pool_actor to_;
  executor_actor runs_;
  std::vector<agent::fleet_change> early_; ///< Said before there was a POOL.
  bool ended_ = false;
};

/// What a runtime has of a pool whose attempts agents run, beside the POOL and the EXECUTOR.
struct agent_pool {
  agent::fleet_actor fleet;
  std::shared_ptr<fleet_to_pool> link = std::make_shared<fleet_to_pool>();
  std::vector<store::node_record> known; ///< Nodes that joined an earlier runtime.
};

/// What a pool of agents is taken to offer before it is known where a task will run.
[[nodiscard]] capabilities offer_of_agents();

/// What the FLEETs of a runtime have in common.
struct fleet_ground {
  store::state_directory directory{""};
  std::string head;                      ///< Id of that directory.
  std::vector<store::node_record> nodes; ///< Of all pools, as the store has them.
  journal_actor journal{};
  epoch first_lease{};
  std::uint64_t incarnation = 0;
};

/// Reads what a directory says of it.
[[nodiscard]] result<fleet_ground> read_fleet_ground(const store::state_directory& directory);

/// Spawns the FLEET of a pool.
[[nodiscard]] agent_pool make_agent_pool(caf::actor_system& system, const pool_setup& setup, const fleet_ground& on,
                                         const std::function<void(const error&)>& on_failure);

/// Tells the POOL of the nodes that are known already, and of all others when they come.
void connect(agent_pool& x, const pool_actor& to, const executor_actor& runs);

} // namespace muster
