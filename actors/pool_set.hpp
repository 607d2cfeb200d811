#pragma once

#include "actors/agents/agent_pool.hpp"
#include "actors/context.hpp"
#include "actors/executor.hpp"
#include "actors/mailbox_meter.hpp"
#include "actors/pool.hpp"
#include "actors/pool_setup.hpp"

#include <caf/actor_system.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace muster {

/// The pools of a runtime: for each a POOL and a NODE, or a FLEET where agents join; for each driver an EXECUTOR. The
/// list is fixed; whether a pool is available and its policy change. All members may be called from any thread.
class pool_set {
public:
  /// One pool.
  struct entry {
    std::string name;
    std::size_t executor = 0; ///< Which one runs its attempts.
    pool_actor actor;
    node_actor node; ///< Null while it is unavailable, and where agents join.
    bool has_agents = false;
    double oversubscribe = 1.0;
    std::optional<std::vector<std::uint32_t>> gpus;
  };

  /// Checks names, and probes every driver. Fails with `invalid_argument`, or with what a driver says of a pool that
  /// must not be down.
  [[nodiscard]] static result<std::unique_ptr<pool_set>> probe(std::vector<pool_setup> pools, std::string default_pool,
                                                               bool any_name);
  ~pool_set();
  pool_set(const pool_set&) = delete;
  pool_set& operator=(const pool_set&) = delete;

  /// Reads which nodes joined an earlier runtime, if agents can join at all. Before `start`.
  [[nodiscard]] result<void> read_nodes(const store::state_directory& directory);

  /// Reads what earlier heads set over the configuration. What is no policy any more is said in the log, and passed
  /// over. Before `start`.
  [[nodiscard]] result<void> read_policies(const store::state_directory& directory);

  /// Spawns the actors; the pools that could be probed are available then.
  void start(caf::actor_system& system, const store::state_directory& directory, const journal_actor& journal,
             const std::shared_ptr<meters>& counted, std::chrono::milliseconds stop_grace,
             const failure_handler& on_failure);

  /// The FLEET of each pool that agents can join.
  [[nodiscard]] std::map<std::string, agent::fleet_actor> fleets() const;
  /// What the nodes of each of these carry.
  [[nodiscard]] std::map<std::string, std::map<std::string, std::string>> node_labels() const;

  /// Probes what is down once more; blocks. Names the pools that are available since. They give no places before
  /// `go_on(taking_up)`: first what was left there by an earlier runtime is booked.
  [[nodiscard]] std::vector<std::string> probe_again();
  static constexpr const char* taking_up = "taking up";
  static constexpr const char* why_taking_up = "waiting until what an earlier runtime left is taken up";
  /// Until `go_on` for the same cause no POOL gives a place to whoever asks, and `why` is what they wait for.
  void pause(const std::string& cause, const std::string& why);
  void go_on(const std::string& cause);
  /// Whether all pools are available.
  [[nodiscard]] bool all_up() const;

  /// The pool of a workflow that names this one; the default one for an empty name. `invalid_argument` names the pools
  /// that there are.
  [[nodiscard]] result<const entry*> find(const std::string& name) const;
  [[nodiscard]] const std::vector<entry>& all() const noexcept { return pools_; }

  /// By which rules it takes workflows and places groups, as of now.
  [[nodiscard]] policy_in_force policy_of(const entry& x) const;
  /// As the configuration has it from now on; what was set over it stays so.
  void set_policy(const entry& x, const config::pool_policy& from_file);
  /// What is set over the configuration, from now on. `invalid_argument` if that is no policy; nothing has changed
  /// then.
  [[nodiscard]] result<void> override_policy(const entry& x, const std::string& set);
  /// What it would be then.
  [[nodiscard]] result<config::pool_policy> policy_with(const entry& x, const std::string& set) const;
  /// How long tasks may take to end, from now on.
  void set_grace(std::chrono::milliseconds x);

  /// What the executor of a pool offers; `unavailable` while that is not known, with the reason.
  [[nodiscard]] result<std::shared_ptr<const capabilities>> offered(const entry& x) const;
  [[nodiscard]] driver& driver_of(const entry& x) const { return *executors_[x.executor]->runs; }
  [[nodiscard]] caf::strong_actor_ptr executor_of(const entry& x) const;
  [[nodiscard]] std::vector<driver_measures> measure() const;
  /// Those of its POOLs and EXECUTORs, once they are started.
  [[nodiscard]] std::vector<watched_mailbox> mailboxes() const;

  /// Ends POOLs and NODEs, and with them the EXECUTORs.
  void end();
  /// Ends the drivers: nothing is reported after that.
  void end_drivers();

private:
  /// A driver, the EXECUTOR that wraps it, and what is known of it.
  struct hosted {
    std::shared_ptr<driver> runs;
    executor_actor actor;
    std::unique_ptr<executor_listener> listener;
    std::shared_ptr<driver_meter> counted = std::make_shared<driver_meter>();
    std::shared_ptr<const capabilities> offered; ///< Null while it is down.
    error problem;                               ///< Why it is.
    std::optional<agent_pool> agents;            ///< Of a pool that they join, which is the only one of this driver.
  };

  pool_set(std::string default_pool, bool any_name) : default_(std::move(default_pool)), any_name_(any_name) {}
  [[nodiscard]] std::size_t host(std::shared_ptr<driver> runs);
  [[nodiscard]] std::size_t host_agents();
  void make_fleets(const failure_handler& on_failure);
  void bring_up(std::size_t executor);
  [[nodiscard]] std::string names_of_pools(std::size_t executor) const;
  void tell_unavailable(const entry& x);
  void tell_rules(const entry& x);
  [[nodiscard]] std::size_t position_of(const entry& x) const { return static_cast<std::size_t>(&x - pools_.data()); }

  std::string default_;
  bool any_name_;
  std::vector<entry> pools_;
  std::vector<pool_setup> setups_; ///< Like `pools_`, without drivers.
  std::vector<std::unique_ptr<hosted>> executors_;
  caf::actor_system* system_ = nullptr;
  std::optional<store::state_directory> directory_;
  struct rules {
    config::pool_policy from_file;
    policy_in_force in_force;
  };
  std::vector<rules> rules_; ///< Like `pools_`.
  std::chrono::milliseconds grace_{};
  fleet_ground ground_;
  mutable std::mutex mutex_; ///< For what is known of drivers, NODEs, and rules.
  bool ended_ = false;
};

} // namespace muster
