#pragma once

#include "machine.hpp"
#include "network.hpp"
#include "process.hpp"
#include "universe.hpp"

#include "actors/agents/agent_actor.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace muster::simulation {

/// Where agents find the head, as far as it is there.
struct head_door {
  process* where = nullptr; ///< Null while there is none.
  agent::gate_actor gate;
};

/// A node: a machine, and the agent on it, which joins the head again and again as `muster agent` does.
class node {
public:
  struct setup {
    std::string pool;
    std::filesystem::path folder; ///< Of the agent alone.
    std::string head;             ///< Its id.
    std::function<head_door()> door;
    moment alive_every = std::chrono::seconds{1};
  };

  node(universe& all, process_config& config, machine& runs, setup how);
  ~node();
  node(const node&) = delete;
  node& operator=(const node&) = delete;

  [[nodiscard]] const std::string& name() const noexcept { return runs_.name(); }
  /// Null while the agent does not run.
  [[nodiscard]] process* where() noexcept { return process_.get(); }

  void start();
  /// The agent is killed; what it runs goes on. Whoever calls owns the process then, until its actors have ended.
  [[nodiscard]] std::unique_ptr<process> kill(bool machine_is_up);
  /// It remembers nothing any more.
  void forget_all();
  /// What it had let go of when the power failed may be there again: that is not synced at once.
  void remember_what_was_dropped();

  void freeze();
  void thaw();
  void set_partitioned(bool x);
  [[nodiscard]] bool is_partitioned() const noexcept { return partitioned_; }
  /// The head has been frozen or goes on.
  void head_is_silent(bool x);
  /// The head is gone.
  void head_has_ended();

private:
  void join();
  void say_hello();
  void join_failed(const std::string& why);
  void take_welcome(std::uint64_t number, const agent::welcome& answer, const agent::fleet_link& head);
  void ended();
  void update_cut();
  void forget_what_it_was_told();
  void keep_dropped(attempt_id id);
  [[nodiscard]] std::filesystem::path notes() const;
  void later(moment delay, std::function<void()> what);

  universe& all_;
  process_config& config_;
  machine& runs_;
  setup how_;
  std::uint64_t memory_ = 1;
  std::uint64_t incarnations_ = 0;
  std::unique_ptr<process> process_;
  agent::agent_actor agent_;
  connection_ptr connection_;               ///< The newest.
  std::vector<connection_ptr> connections_; ///< All that somebody takes for open.
  agent::agent_link seen_by_head_;          ///< Over that connection,
  agent::fleet_link seen_by_agent_;         ///< likewise.
  std::uint64_t joining_ = 0;               ///< Which try to join is under way; 0 for none.
  std::uint64_t joins_ = 0;
  bool connected_ = false;
  bool session_over_ = false; ///< The one that began last.
  bool partitioned_ = false;
  bool head_silent_ = false;
  moment pause_;
  std::vector<std::string> dropped_; ///< Notes, since something was synced.
};

} // namespace muster::simulation
