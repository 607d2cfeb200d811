#pragma once

#include "muster/base/time.hpp"
#include "muster/placement/queue_policy.hpp"
#include "muster/spec/model.hpp"

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

/// By which rules a pool takes workflows and shares out its places: `policy` of a pool in the configuration file.
namespace muster::config {

/// A quota, and whose workflows fall under it.
struct quota_settings : gpu_quota {
  std::vector<std::string> users;
  std::map<std::string, std::string> labels; ///< That a workflow carries, all of them. Without either: everybody.
};

/// What specs may ask of the host where they name a platform.
struct platform_permissions {
  bool privileged = false;
  bool host_network = false;
  std::vector<std::filesystem::path> mounts; ///< Absolute paths of the host.
};

/// A platform that specs may name.
struct platform_settings {
  std::map<std::string, std::string> labels; ///< Of its nodes; empty: they say themselves that they are of it.
  std::optional<platform_permissions> permissions;
  std::string driver; ///< What runs its tasks; empty: `pool_policy::default_driver`.
};

/// A time that specs may name. 0 is no limit.
struct time_settings {
  std::optional<duration> usual; ///< Where a spec names none; unset: as for all pools.
  std::optional<duration> most;  ///< Longer ones are refused.

  /// The time of a workflow that says `said`, where `otherwise` is that of all pools.
  [[nodiscard]] std::optional<duration> apply(const std::optional<duration>& said,
                                              const std::optional<duration>& otherwise) const;
};

struct pool_policy {
  std::vector<quota_settings> quotas; ///< The first one that a workflow falls under counts.
  std::map<std::string, double> user_weights;
  duration age_step = std::chrono::hours{1};
  duration usage_half_life{};
  std::uint32_t max_passes = queue_policy{}.max_passes; ///< As in `queue_policy`.
  placement_strategy strategy = placement_strategy::pack;
  std::vector<topology_key> topology; ///< The coarsest first.
  std::map<std::string, platform_settings> platforms;
  std::string default_driver; ///< What runs tasks whose platform does not say; empty: the first one of their node.
  time_settings exec_timeout;
  time_settings queue_timeout;
  time_settings start_timeout; ///< No spec names one: `most` counts for that of all pools.
  std::vector<spec::exit_rule> exit_actions;
  std::string maintenance; ///< Why nothing is placed; empty if it is.
};

/// What of it the queue goes by.
[[nodiscard]] queue_policy queue_policy_of(const pool_policy& x);

/// The name of the quota that a workflow falls under; empty where there are none. Nothing if no quota takes it.
[[nodiscard]] std::optional<std::string> quota_of(const pool_policy& x, const std::string& user,
                                                  const std::map<std::string, std::string>& labels);

/// What is to run tasks that ask for that platform; empty: the first driver of their node.
[[nodiscard]] std::string driver_of(const pool_policy& x, const std::string& platform);

/// Whether that depends on the rules at all.
[[nodiscard]] bool names_drivers(const pool_policy& x);

/// Which keys of it have other values, by the names that files have.
[[nodiscard]] std::vector<std::string> changed_keys(const pool_policy& before, const pool_policy& after);

/// As a file of configuration has it, indented by `margin`; empty if nothing was said.
[[nodiscard]] std::string to_yaml(const pool_policy& x, const std::string& margin);

} // namespace muster::config
