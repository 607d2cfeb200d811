#pragma once

#include "actors/link_certificates.hpp"
#include "executors/driver.hpp"
#include "executors/machine/share.hpp"
#include "muster/base/result.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

/// The facade of a node's agent: what the command line knows of it. Plain C++ types.
namespace muster {

/// How an agent is set up.
struct agent_config {
  std::string head_host;
  std::uint16_t head_port = 0;
  std::string token; ///< Of the right to join.
  std::string node;  ///< Its name.
  std::string pool;
  std::string platform;
  std::map<std::string, std::string> labels;
  /// Where tasks on other nodes reach those here; empty: by that towards the head, or by none if the executor makes
  /// networks.
  std::string address;
  /// Runs the attempts. The agent ends it; who made it must not keep it.
  std::shared_ptr<driver> executor;
  machine::share offers;                         ///< Of what the executor has.
  std::filesystem::path own_directory;           ///< Of this agent alone: its identity, and what it was told.
  std::function<result<void>()> on_owned;        ///< `own_directory` is this agent's alone, and nothing was read yet.
  std::function<result<void>()> on_probed;       ///< The executor was asked what it has; next is the head.
  std::optional<link_certificates> certificates; ///< Set: the connection is encrypted.
  /// With `certificates`: the node's own one, PEM, and what its key makes of a statement.
  std::function<result<std::pair<std::string, std::string>>(const std::string& statement)> prove;
  std::function<void()> on_refused; ///< `wait_refused` has something to say; from a thread of the agent.
  std::chrono::milliseconds connect_limit{5'000};
  std::chrono::milliseconds first_pause{200};     ///< Between attempts to connect;
  std::chrono::milliseconds longest_pause{5'000}; ///< twice as long each time, up to this.
  std::chrono::milliseconds look_every{30'000};   ///< At what the executor offers, if it is a `changing_offer`.
};

/// An agent at work: joins its head, and joins it again whenever the connection is lost. Tasks outlive it.
class agent_runtime {
public:
  /// Probes the driver and begins to connect. Fails with what the driver or the directory reports; `store_locked` while
  /// another agent uses that directory; `invalid_argument` if it is to offer more than there is.
  [[nodiscard]] static result<std::unique_ptr<agent_runtime>> start(agent_config config);

  /// Ends the agent. What it runs goes on where the executor lets it, and is found again.
  ~agent_runtime();
  agent_runtime(const agent_runtime&) = delete;
  agent_runtime& operator=(const agent_runtime&) = delete;

  /// Runs `what` while it does not connect: a connection that begins reads the files of `certificates` if they changed.
  void between_connections(const std::function<void()>& what);

  /// Looks at what the executor offers, without waiting for it to be time.
  void look_now();

  /// Waits until it is connected: false at the deadline, or if it was refused.
  [[nodiscard]] bool wait_connected(std::chrono::steady_clock::time_point deadline);

  /// Waits until the head has refused it for good, or the deadline: why. What may pass, such as a head that is down, is
  /// tried again for ever.
  [[nodiscard]] std::optional<error> wait_refused(std::chrono::steady_clock::time_point deadline);

private:
  class impl;
  explicit agent_runtime(std::unique_ptr<impl> x);
  std::unique_ptr<impl> impl_;
};

} // namespace muster
