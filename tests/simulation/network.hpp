#pragma once

#include "process.hpp"
#include "universe.hpp"

#include "actors/protocol/agent.hpp"

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace muster::simulation {

/// One connection of CAF's network, between the process of an agent and that of the head. What is sent over it arrives
/// in order, later, or not at all when it is lost; each end finds that out by itself.
class connection : public std::enable_shared_from_this<connection> {
public:
  enum side : std::uint8_t { agent_side = 0, head_side = 1 };

  /// How long a side takes an end that says nothing for alive: CAF's `middleman.connection-timeout`.
  static constexpr moment patience = std::chrono::seconds{20};

  [[nodiscard]] static std::shared_ptr<connection> open(universe& all, std::string name, process& agent, process& head);

  /// Sends to the other side. `deliver` is called there, in its process.
  void send(side from, std::string what, std::function<void()> deliver);

  /// What stands for an actor of the other process, in the process of the head or of the agent. Messages to it go over
  /// the connection to `real`; it goes with the connection.
  [[nodiscard]] agent::agent_link stand_in(const agent::agent_link& real);
  [[nodiscard]] agent::fleet_link stand_in(const agent::fleet_link& real);

  /// The other end is not heard from now on, because the network or the other process is silent: packets wait. A side
  /// that stays cut off for `patience` takes the connection for lost.
  void set_cut(bool x);
  /// This side's process is gone; the kernel says so to the other one, if its machine still `can_tell`.
  void end(side who, bool can_tell);
  /// Whether that side takes it for alive.
  [[nodiscard]] bool is_open(side who) const noexcept { return ends_[who].open; }
  [[nodiscard]] bool is_over() const noexcept { return !ends_[0].open && !ends_[1].open; }

private:
  struct packet {
    std::string what;
    std::function<void()> deliver;
    bool closes = false;
  };
  struct end_point {
    process* where = nullptr;
    bool open = true;
    std::deque<packet> incoming;
    moment busy_until{0}; ///< The last packet that is on its way arrives then.
    std::vector<caf::strong_actor_ptr> proxies;
  };

  connection(universe& all, std::string name) : all_(all), name_(std::move(name)) {}
  void push(side to, packet x);
  void arrive(side to);
  void close(side who, const char* why);
  void watch_silence();
  [[nodiscard]] moment latency();

  universe& all_;
  std::string name_;
  end_point ends_[2];
  bool cut_ = false;
  std::uint64_t cuts_ = 0; ///< Which time of being cut off it is.
};

using connection_ptr = std::shared_ptr<connection>;

} // namespace muster::simulation
