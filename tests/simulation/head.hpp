#pragma once

#include "barrier_watch.hpp"
#include "log_book.hpp"
#include "node.hpp"
#include "placement_watch.hpp"
#include "process.hpp"
#include "universe.hpp"

#include "actors/agents/agent_gate.hpp"
#include "actors/agents/fleet.hpp"
#include "actors/executor.hpp"
#include "actors/journal.hpp"
#include "actors/pool.hpp"
#include "actors/registry.hpp"
#include "muster/store/layout.hpp"

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace muster::simulation {

/// How the head of a world is set up.
struct head_setup {
  std::chrono::milliseconds lost_after{60'000};
  std::chrono::milliseconds silence_limit{10'000};
  agent::loss_policy on_loss = agent::loss_policy::wait;
  group_policy policy;
  std::uint32_t max_parallel = 0;  ///< Of its pool.
  std::function<void()> run_ready; ///< Lets something of the world happen that waits for no time.
};

/// The head: all its actors, put together as the runtime does it, and what of it outlives a crash.
class head {
public:
  head(universe& all, process_config& config, store::state_directory directory, log_book& told, head_setup how);
  ~head();
  head(const head&) = delete;
  head& operator=(const head&) = delete;

  static constexpr const char* own_id = "0123456789ab";

  /// Null while it does not run.
  [[nodiscard]] process* where() noexcept { return live_ ? live_->where.get() : nullptr; }
  [[nodiscard]] head_door door();

  /// Starts it over its store, and takes up what is unfinished, one workflow after the other.
  void start();
  /// kill -9.
  void kill();
  /// Frees what was killed. Not from within an actor.
  void bury() { dead_.clear(); }

  void submit(const spec::workflow& what);
  void cancel(workflow_key which, bool force);
  /// A node is to run empty, and at the latest then; or to be used again.
  void drain(const std::string& node, std::optional<moment> for_how_long);
  /// Its pool goes by other rules from now on, also when it is started again.
  void set_policy(const config::pool_policy& x);
  /// A node is taken for gone for good, if it is away.
  void remove(const std::string& node, bool force);
  /// One of its actors has handled a message.
  void has_run(caf::actor_id who);
  /// What of it is left over when all is done; empty if nothing is.
  [[nodiscard]] std::string leftovers();

private:
  /// What goes with its process.
  struct body {
    ~body() { where->end(); } // Its actors use what follows.
    std::unique_ptr<process> where;
    std::unique_ptr<driver_listener> passes_on;
    std::unique_ptr<driver_listener> hears;
    std::shared_ptr<driver> runs;
    registry_actor registry;
    journal_actor journal;
    pool_actor pool;
    executor_actor executor;
    agent::fleet_actor fleet;
    agent::gate_actor gate;
  };
  class face;
  class ear;

  void spawn_all(body& x);
  void pass_on(const body& x, const agent::fleet_change& change);
  void recover(std::vector<std::string> ids, std::vector<std::string> held = {}, bool again = false);
  [[nodiscard]] bool take_up(const std::string& id, bool is_held);
  [[nodiscard]] std::vector<store::node_record> stored_nodes();
  [[nodiscard]] bool has_run(attempt_id id) const;

  universe& all_;
  process_config& config_;
  store::state_directory directory_;
  log_book& told_;
  head_setup how_;
  config::pool_policy policy_; ///< Of its pool.
  barrier_watch watch_;
  placement_watch places_;
  std::uint64_t incarnation_ = 0;
  timestamp recorded_until_; ///< By the one before.
  std::unique_ptr<body> live_;
  std::vector<std::unique_ptr<body>> dead_;
};

} // namespace muster::simulation
