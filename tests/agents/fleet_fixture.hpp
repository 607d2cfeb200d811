#pragma once

#include "actors/agents/agent.hpp"
#include "actors/agents/agent_gate.hpp"
#include "actors/agents/fleet.hpp"
#include "actors/system_config.hpp"

#include <caf/all.hpp>

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

/// Heads and agents in one process, with a real connection between them.
namespace muster::test {

/// A store as far as nodes are concerned: writes down what it is told, while it is let.
struct notebook {
  std::mutex mutex;
  std::vector<store::node_record> nodes;
  bool is_full = false;
  std::string of_another_pool; ///< This node.
};

/// A head as far as agents are concerned: a FLEET that listens on loopback.
class fleet_head {
public:
  explicit fleet_head(const std::filesystem::path& root, std::uint16_t port = 0, agent::fleet_setup setup = {},
                      std::function<result<void>(const agent::hello&)> admit = {}, std::shared_ptr<notebook> book = {});
  ~fleet_head();
  fleet_head(const fleet_head&) = delete;
  fleet_head& operator=(const fleet_head&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] const agent::fleet_actor& fleet() const noexcept { return fleet_; }
  /// Where agents connect.
  [[nodiscard]] const agent::gate_actor& gate() const noexcept { return gate_; }
  /// Waits until this is said of that node, after what was waited for before: what was said since may be more.
  [[nodiscard]] bool wait(const std::string& node, agent::fleet_change::kind what);
  /// Waits until what was said last of that node is as wanted.
  [[nodiscard]] bool wait_for(const std::string& node, const std::function<bool(const agent::fleet_change&)>& is_so);
  /// What was said last.
  [[nodiscard]] agent::fleet_change last(const std::string& node);

private:
  system_config configuration_;
  caf::actor_system system_;
  agent::fleet_actor fleet_;
  agent::gate_actor gate_;
  agent::end_permit gate_may_end_ = std::make_shared<std::atomic<bool>>(false);
  std::uint16_t port_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  /// What was said of a node.
  struct history {
    std::vector<agent::fleet_change> all;
    std::size_t waited_for = 0; ///< So many.
  };
  std::map<std::string, history> said_;
};

/// How an agent of that name joins that head, in that directory of its own.
[[nodiscard]] agent_config agent_of(const fleet_head& head, const std::filesystem::path& root, const std::string& node,
                                    std::shared_ptr<driver> runs);

} // namespace muster::test
