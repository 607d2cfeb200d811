#pragma once

#include "executors/driver.hpp"
#include "muster/base/ipv4.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace muster {

/// When the image of a task is pulled.
enum class pull_policy : std::uint8_t {
  always = 1,     ///< Before every task; members that want the same image at the same time share one pull.
  if_missing = 2, ///< When the daemon does not have it.
  never = 3,      ///< Never: a missing image fails the task.
};

/// `always`, `missing` or `never`.
[[nodiscard]] inline std::optional<pull_policy> parse_pull_policy(std::string_view word) noexcept {
  if (word == "always")
    return pull_policy::always;
  if (word == "missing")
    return pull_policy::if_missing;
  return word == "never" ? std::optional{pull_policy::never} : std::nullopt;
}

/// How a pool of Docker containers is set up: what the configuration file and the command line say, with nothing asked
/// of the daemon yet.
struct docker_pool_config {
  /// Where the daemon is: `unix:///path`, `tcp://host:port`. Empty: what the environment
  /// says, as for the docker command (`DOCKER_HOST`, `DOCKER_CONTEXT`, the current context, the usual socket).
  std::string host;
  /// The certificates for a `tcp://` daemon; all empty: as the environment says.
  struct tls_files {
    std::filesystem::path ca;
    std::filesystem::path cert;
    std::filesystem::path key;
    bool verify = true; ///< Whether the daemon's certificate is checked.
  };
  std::optional<tls_files> tls; ///< Absent: as the environment says.

  /// The folder of the docker command's configuration, for credentials; empty: as the environment says.
  std::filesystem::path client_folder;
  std::filesystem::path state_directory; ///< Root of the state directory; attempts and their logs are below it.
  std::string head;                      ///< The head's id: 12 hex digits. In all names and labels.

  pull_policy pull = pull_policy::if_missing;
  std::uint32_t max_pulls = 3; ///< Pulls at the same time.
  /// When a pull that takes long is spoken of first.
  std::chrono::milliseconds first_pull_note = std::chrono::seconds{1};
  std::uint32_t starts_in_flight = 0; ///< Starts at the same time; 0: as many as the daemon has CPUs, at least 8.

  /// How long all may take that comes before a start: pulls, networks, files. OSMO's limit.
  std::chrono::milliseconds prepare_timeout = std::chrono::minutes{30};
  std::chrono::milliseconds start_timeout = std::chrono::minutes{5}; ///< How long the daemon may take to start one.

  /// What networks may be made of. Absent: 10.213.0.0/16 or, where that is taken as a whole, the next one that is not.
  /// What is taken in it is found out by `probe`.
  std::optional<ipv4_block> range;

  /// On a node of an agent: where tasks on other nodes reach those here, empty for nowhere. Members of a gang that have
  /// this address are in the host's network. Unset: there are no other nodes.
  std::optional<std::string> node_address;

  /// Indices of the GPUs that may be leased, if the daemon has the NVIDIA runtime. Unset: those that NVML finds, if the
  /// daemon is on this host.
  std::optional<std::vector<std::uint32_t>> gpus;
  bool claims_gpus = false; ///< Offers none that another one of this machine has claimed, and claims the others.

  /// Who a container's command runs as: `uid`, `uid:gid`, a name of the image. Empty: as the image says. `host`: uid
  /// and gid of this process.
  std::string user;
  bool init = true;            ///< A small init is process 1 and reaps orphans.
  std::int64_t pids_limit = 0; ///< Processes and threads of a container; 0: no limit.
  std::int64_t shm_size = 0;   ///< Bytes of /dev/shm; 0: as the daemon is set up.
  bool swap = false;           ///< Whether a container may swap beyond its memory request.

  host_permissions permissions; ///< What specs may ask of the host.
  /// Whether `file://` URLs of inputs and outputs must lie where volumes may, as for users who are not those of this
  /// host: inputs are mounted by the daemon, which is root's, and outputs written by this process.
  bool confine_files = false;

  std::int64_t max_log = std::int64_t{1} << 30U; ///< Bytes kept of one attempt's log; its middle is cut out.
  std::map<std::string, std::string> labels;     ///< Put on every container and network besides Muster's own.
};

} // namespace muster
