#pragma once

#include "actors/agents/agent_gate.hpp"
#include "actors/agents/agent_pool.hpp"
#include "actors/context.hpp"
#include "actors/executor.hpp"
#include "actors/mailbox_meter.hpp"
#include "actors/pool.hpp"
#include "actors/pool_setup.hpp"
#include "actors/pool_users.hpp"

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

/// The pools of a runtime: for each a POOL and a NODE, or a FLEET where agents join; for each driver an EXECUTOR. Pools
/// that agents join come and go while it works. All members may be called from any thread.
class pool_set {
  struct hosted;

public:
  /// One pool. Who has one keeps it alive, also when it is gone from the list.
  struct entry {
    std::string name;
    pool_setup setup; ///< Without its executor; its policy is not the one that counts.
    pool_actor actor;
    /// Who is bringing work into it, which keeps it in the list.
    std::shared_ptr<pool_users> users = std::make_shared<pool_users>();

    [[nodiscard]] bool has_agents() const noexcept { return setup.agents.has_value(); }

  private:
    friend class pool_set;
    std::shared_ptr<hosted> runs; ///< What runs its attempts.
    std::size_t position = 0;     ///< Differs between those that are there at the same time.
    std::shared_ptr<mailbox_gauge> mailbox;
    mutable node_actor node; ///< Null while it is unavailable, and where agents join.
    mutable config::pool_policy from_file;
    mutable policy_in_force rules;
  };
  using entry_ptr = std::shared_ptr<const entry>;

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

  /// The pools that agents can join.
  [[nodiscard]] agent::joinable_pools joinable() const;

  /// Why a pool of that name cannot be made now.
  [[nodiscard]] result<void> may_add(const std::string& name) const;
  /// Puts a pool that agents join behind those that are there; `set` is what is set of its policy, `known` its nodes as
  /// the store has them. After `start`; does not block. `conflict` if there is one of that name.
  [[nodiscard]] result<void> add(pool_setup setup, const std::string& set, std::vector<store::node_record> known,
                                 epoch first_lease);
  /// Takes it out and ends its actors. Nobody is to need it any more: it has no nodes and no work.
  void drop(const entry_ptr& x);
  /// The FLEET of a pool that agents join.
  [[nodiscard]] agent::fleet_actor fleet_of(const entry& x) const;
  [[nodiscard]] bool is_default(const entry& x) const { return x.name == default_; }
  /// Whether it is in the list.
  [[nodiscard]] bool has(const entry& x) const;

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
  [[nodiscard]] result<entry_ptr> find(const std::string& name) const;
  /// Those that are there now, in their order.
  [[nodiscard]] std::vector<entry_ptr> all() const;

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
  [[nodiscard]] driver& driver_of(const entry& x) const;
  [[nodiscard]] caf::strong_actor_ptr executor_of(const entry& x) const;
  [[nodiscard]] std::vector<driver_measures> measure() const;
  /// Those of its POOLs and EXECUTORs, once they are started.
  [[nodiscard]] std::vector<watched_mailbox> mailboxes() const;

  /// Ends POOLs and NODEs, and with them the EXECUTORs.
  void end();
  /// Ends the drivers: nothing is reported after that.
  void end_drivers();

private:
  using entries = std::vector<std::shared_ptr<entry>>;

  pool_set(std::string default_pool, bool any_name) : default_(std::move(default_pool)), any_name_(any_name) {}
  [[nodiscard]] static std::shared_ptr<hosted> host_agents();
  [[nodiscard]] std::shared_ptr<hosted> host(std::shared_ptr<driver> runs) const;
  [[nodiscard]] result<void> take(pool_setup setup);
  /// What runs pools, and which.
  struct host_of_pools {
    std::shared_ptr<hosted> host;
    entries pools;
    [[nodiscard]] std::string names() const;
  };
  [[nodiscard]] static std::vector<host_of_pools> by_host(const entries& pools);
  [[nodiscard]] entries listed() const;
  void make_fleet(const entry& x, const fleet_ground& on) const;
  void spawn_executor(hosted& x) const;
  void spawn_pool(entry& x, epoch first) const;
  void bring_up(hosted& x, const entries& of) const;
  void tell_rules(const entry& x) const;

  std::string default_;
  bool any_name_;
  caf::actor_system* system_ = nullptr;
  std::optional<store::state_directory> directory_;
  std::shared_ptr<meters> counted_;
  failure_handler on_failure_;
  fleet_ground ground_;

  mutable std::mutex mutex_; ///< For the list, and for rules. Held for short times only, for actors wait for it.
  entries pools_;
  std::map<std::string, std::string> paused_; ///< Cause and reason.
  std::chrono::milliseconds grace_{};
  std::atomic<bool> ended_{false}; ///< Set under both.

  mutable std::mutex
      drivers_mutex_; ///< For what is known of drivers and NODEs. May be held while a NODE is waited for.
};

} // namespace muster
