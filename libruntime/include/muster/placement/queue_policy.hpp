#pragma once

#include "muster/placement/placement.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// By which rules a pool's places are shared out.
namespace muster {

/// The caller's name for a gang in a `gang_queue`; its own, never reused while the gang is there.
using gang_key = std::uint64_t;

/// Of the caller's clock.
using queue_time = std::chrono::steady_clock::time_point;

/// As OSMO means them: HIGH and NORMAL stay within the quota's guarantee and keep what they have; LOW may use idle GPUs
/// beyond it, and makes way for the others.
enum class gang_priority : std::uint8_t { high = 1, normal, low };

/// `HIGH`, `NORMAL`, `LOW`.
[[nodiscard]] const char* to_string(gang_priority x) noexcept;
/// Of those names, in capitals or not; nothing for others.
[[nodiscard]] std::optional<gang_priority> parse_priority(std::string_view text) noexcept;

/// On what terms a gang asks.
struct gang_terms {
  gang_priority priority = gang_priority::normal;
  std::string user;
  std::string quota; ///< Its name; empty for the first one of the policy.
  placement_strategy strategy = placement_strategy::pack;
  std::optional<std::chrono::seconds> at_most; ///< The longest it can hold its places, if that is known.
  /// Members of its whole group, for whom its network has room: also those that ask for no place any more. 0: as many
  /// as ask.
  std::uint32_t group_size = 0;
};

/// GPUs of those who share nodes, such as the pools of one cluster. -1 is without limit.
struct gpu_quota {
  std::string name;
  std::int64_t guarantee = -1; ///< That HIGH and NORMAL may hold.
  std::int64_t maximum = -1;   ///< That all may hold.
  double weight = 1;           ///< Of what is beyond the guarantees, when several want it.
};

struct queue_policy {
  std::optional<std::uint32_t> max_parallel; ///< Members that hold a place at the same time.
  /// How often the first one that does not fit may be passed by gangs that could delay it. Whoever provably does not is
  /// not counted, and a gang with GPUs never delays another with GPUs.
  std::uint32_t max_passes = 256;
  std::vector<topology_key> topology_keys; ///< The coarsest first.
  std::vector<gpu_quota> quotas;
  std::map<std::string, double> user_weights; ///< 1 for all others.
  /// A gang that waited so long counts as of the next higher priority, and after HIGH as overdue: those come first, in
  /// the order of their arrival, whoever they belong to. 0 for never. Who may preempt whom does not change.
  std::chrono::seconds age_step{3600};
  /// What users held counts besides what they hold, half as much after each such time. 0: it does not.
  std::chrono::seconds usage_half_life{0};
  /// How long who is to make way may take: then what is kept for the winner is given up, and it waits as before. 0 for
  /// ever.
  std::chrono::seconds leave_within{0};
};

} // namespace muster
