#pragma once

#include "executors/driver.hpp"
#include "muster/config/pools.hpp"
#include "muster/placement/wait_reason.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// Pools, as those above the actors set them up and see them. Plain values.
namespace muster {

/// How a pool treats its nodes, where agents run its attempts.
struct agents_setup {
  std::chrono::milliseconds silence_limit{10'000}; ///< A node that says nothing for so long cannot be reached.
  std::chrono::milliseconds lost_after{60'000};    ///< One that was away for so long is lost.
  bool reschedule_lost = false; ///< What ran on a lost node is given up; else it stays until the node is back.
  std::map<std::string, std::string> node_labels{}; ///< That its nodes carry.
};

/// As the configuration has it.
[[nodiscard]] agents_setup agents_setup_of(const config::pool_settings& x);

/// How one pool of a runtime is set up.
struct pool_setup {
  std::string name = "local";
  /// Runs the attempts. Pools may share one, as all pools of processes of one state directory must: their tasks have
  /// one warden. The runtime ends it; who made it must not keep it.
  std::shared_ptr<driver> executor;
  /// The GPUs that are this pool's, of those that the executor has. Unset: all of them.
  std::optional<std::vector<std::uint32_t>> gpus{};
  std::uint32_t max_parallel = 0; ///< Attempts at once; 0 for as many as fit.
  double oversubscribe = 1.0;     ///< Factor on the machine's CPUs and memory, for hosts where tasks are light.
  /// The runtime starts although the executor cannot be probed; the pool is unavailable then, and probed again.
  bool may_be_down = false;
  /// Set: nodes join it by `runtime::publish_agents`, and there is no executor.
  std::optional<agents_setup> agents{};
  config::pool_policy policy{};
  /// It was made while a head ran (`runtime::make_pool`), and may be removed so. Only with `agents`.
  bool is_made = false;
};

/// A pool's policy, and what of it was set over that of the configuration; see `config::patched`.
struct policy_in_force {
  std::shared_ptr<const config::pool_policy> now;
  std::string set = "{}";
};

/// By which rules a POOL gives places, from now on.
struct pool_rules {
  std::shared_ptr<const config::pool_policy> policy;
  std::chrono::seconds leave_within{60}; ///< See `pool_config`.
};

/// How often pools that are unavailable are probed again.
struct probing {
  std::chrono::milliseconds first{1'000};
  std::chrono::milliseconds longest{30'000}; ///< Each pause is twice as long as the one before, up to this.
};

/// A machine of a pool, as of now.
struct node_view {
  std::string name;
  std::string pool;
  bool available = false;
  std::string condition; ///< `ready`, `suspect`, ...: see `node_condition`.
  std::string reason;    ///< Why it is so, for people.
  std::string address;   ///< Where other nodes reach its tasks; empty if there are none.
  std::string platform;
  std::vector<std::pair<std::string, std::string>> drivers; ///< What runs tasks there, and the version of each.
  std::map<std::string, std::string> labels;
  capacity total; ///< As far as it is shared out: `oversubscribe` counts.
  capacity free;  ///< Amounts are below 0 where more was taken than there is, as after a restart.
  std::shared_ptr<const machine_facts> machine{}; ///< What was found out about it.
};

/// A pool, as of now.
struct pool_view {
  std::string name;
  bool is_default = false;
  std::string driver;  ///< `process`, `docker`, `agents`; empty while it was never reached.
  std::string version; ///< Of the engine behind it; empty where each node has its own.
  bool available = false;
  std::string reason;      ///< Why it is not, for people.
  std::string maintenance; ///< Why nothing is placed, as its policy says; empty if it is.
  std::shared_ptr<const config::pool_policy> policy;
  std::optional<agents_setup> agents{}; ///< Set: agents join it.
  bool is_made = false;                 ///< While a head ran, and not by the configuration.
  std::vector<std::string> overrides;   ///< Keys of `policy` that were set while a head ran, over the configuration.
  std::uint32_t max_parallel = 0;
  double oversubscribe = 1.0;
  capacity total; ///< Of all nodes.
  capacity free;  ///< Likewise.
  std::size_t waiting_gangs = 0;
  std::size_t waiting_for_nodes = 0; ///< Of those: that would fit only with more nodes.
  std::size_t placed_gangs = 0;
  std::size_t placed_tasks = 0;
  std::vector<node_view> nodes;
};

/// A group of a workflow.
struct gang_name {
  workflow_key workflow;
  group_index group;
};

/// Why a group waits for places, or what keeps those that it holds.
struct group_wait {
  group_index group;
  std::string cause; ///< A `wait_cause`, or `unavailable`, `paused`, `maintenance`, `node`, `network`,
                     ///< `more_nodes`, `leaving`.
  std::string text;  ///< For people.
  std::optional<wait_reason> placement{}; ///< Of a `wait_cause`.
  std::optional<gang_name> ahead{};       ///< As in `placement`, as are
  std::vector<gang_name> holders{};
};

/// What a POOL answers to who asks why.
struct wait_report {
  std::vector<group_wait> groups; ///< Those that wait.
};

} // namespace muster
