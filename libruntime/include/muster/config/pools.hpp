#pragma once

#include "muster/base/ipv4.hpp"
#include "muster/base/result.hpp"
#include "muster/base/time.hpp"
#include "muster/config/pool_policy.hpp"
#include "muster/config/service.hpp"

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Which pools there are: `pools` of the configuration file. config/config.yaml has every key.
namespace muster::config {

/// The name under which a pool is known: `process`, as people may say, is `local`.
[[nodiscard]] inline std::string pool_name(const std::string& said) {
  return said == "process" ? "local" : said;
}

/// Pools that are there without being set up.
constexpr std::array<std::string_view, 4> pools_of_every_machine{"local", "process", "docker", "null"};

/// What runs the tasks of a pool.
enum class pool_driver : std::uint8_t { process, docker, agents };

/// What becomes of what ran on a node that is lost.
enum class loss_choice : std::uint8_t {
  wait,       ///< It stays as it is until the node is back.
  reschedule, ///< It is given up, and starts elsewhere as its exit actions say.
};

/// The certificates for a daemon that listens with TLS. Relative paths count from the configuration file.
struct tls_settings {
  std::filesystem::path ca;
  std::filesystem::path cert;
  std::filesystem::path key;
  bool verify = true;
};

/// One pool as it is configured; what the file does not say is unset or as the key's default.
struct pool_settings {
  pool_driver driver = pool_driver::process;
  std::optional<std::vector<std::uint32_t>> gpus; ///< Indices that may be leased; unset: see docs/pools.md.
  pool_policy policy;

  // -- of `driver: docker` only
  std::string host; ///< `unix:///path` or `tcp://host:port`; empty: as the environment says.
  std::optional<tls_settings> tls;
  std::string pull = "missing"; ///< `always`, `missing` or `never`.
  std::uint32_t pulls = 3;
  std::uint32_t starts = 0;                            ///< 0: as many as there are CPUs, 8 or more.
  duration prepare_timeout = std::chrono::minutes{30}; ///< Of all that comes before a start.
  duration start_timeout = std::chrono::minutes{5};    ///< Of a start.
  std::optional<ipv4_block> range;                     ///< What networks are made of; between /8 and /26.
  std::string user;
  bool init = true;
  std::int64_t shm_size = 0; ///< Bytes; 0: as the daemon is set up.
  std::int64_t pids = 0;     ///< 0: no limit.
  bool swap = false;
  bool privileged = false;
  bool host_network = false;
  std::vector<std::filesystem::path> mounts; ///< Absolute paths of the host.
  std::int64_t max_log = std::int64_t{1} << 30U;
  std::map<std::string, std::string> labels;

  // -- of `driver: agents` only
  duration silence_limit =
      std::chrono::seconds{10}; ///< A node that says nothing for so long cannot be reached; 2 s to 10 s.
  duration lost_after = std::chrono::minutes{1}; ///< One that was away for so long is lost.
  loss_choice on_loss = loss_choice::wait;
  /// What its nodes carry. An agent that names no pool joins the one that asks for most of what it carries.
  std::map<std::string, std::string> node_labels;
};

/// The keys of a pool that agents join, beside `driver` and `policy`.
constexpr std::array<std::string_view, 4> keys_of_agents{"silence_limit", "lost_after", "on_loss", "node_labels"};

/// A pool that is made while a head runs, which agents join: `text` is a JSON object with the keys that a pool with
/// `driver: agents` has in a file, but for `policy`. `invalid_argument` names the field and says what is wrong, one a
/// line.
[[nodiscard]] result<pool_settings> read_made_pool(const std::string& name, std::string_view text);

/// `pools` as a file of configuration, with every key that a driver has.
[[nodiscard]] std::string to_yaml(const std::map<std::string, pool_settings>& pools);

/// Which keys, such as `pools.farm.policy.quotas`, differ: a head takes policies over while it runs.
[[nodiscard]] setting_changes changes_between(const std::map<std::string, pool_settings>& before,
                                              const std::map<std::string, pool_settings>& after);

} // namespace muster::config
