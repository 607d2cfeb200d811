#pragma once

#include "executors/docker/docker_config.hpp"
#include "executors/docker/engine/types.hpp"
#include "executors/docker/log_file.hpp"
#include "executors/driver.hpp"
#include "muster/spec/tokens.hpp"

#include <map>
#include <string>
#include <vector>

/// What a container is made of, as the Engine API wants it. Pure functions.
namespace muster::docker {

/// Where an attempt finds its things: OSMO's paths.
constexpr const char* data_path = "/osmo/data";
constexpr const char* output_path = "/osmo/data/output";
constexpr const char* input_path = "/osmo/data/input";
constexpr const char* peers_path = "/osmo/data/peers.json";
constexpr const char* result_path = "/osmo/data/result"; ///< Folder of the result: a file could not be replaced whole.
constexpr const char* results_path = "/osmo/data/results";
constexpr const char* result_name = "result.json";

/// A file or folder of the daemon's host that a container sees.
struct bind_mount {
  std::string source;
  std::string target;
  bool read_only = false;
};

/// What is known of the daemon that matters to a container.
struct daemon_facts {
  std::int64_t cpus = 0;                            ///< More is not given to a container: the daemon would refuse it.
  bool nvidia = false;                              ///< It can give GPUs to containers.
  std::map<std::uint32_t, std::string> gpu_uuids{}; ///< By index, of those that are known.
};

/// What a container is made from.
struct container_plan {
  std::string image;          ///< As the daemon knows it.
  std::string network;        ///< Its name; empty: none of ours.
  bool fixed_address = false; ///< It gets `attempt_spec::address` in that network.
  std::vector<bind_mount> mounts;
  bool has_peers_file = false;
  bool takes_result = false; ///< There is a folder for its result.
};

/// The tokens of an attempt in a container: output, input:N, input:<task>, host:<task>, workflow_id, and its own.
[[nodiscard]] spec::token_values container_tokens(const attempt_spec& spec);

/// The environment that Muster adds to the image's: what its flow adds, the task's own with tokens
/// replaced, then MUSTER_*.
[[nodiscard]] std::map<std::string, std::string> container_environment(const attempt_spec& spec,
                                                                       const spec::token_values& tokens,
                                                                       const container_plan& plan,
                                                                       const daemon_facts& daemon);

/// The image that the task names, tokens replaced.
[[nodiscard]] std::string image_of(const attempt_spec& spec);

/// Fails with `invalid_argument` if the task, tokens replaced, asks for what the pool does not permit. Does not look at
/// where links lead.
[[nodiscard]] result<void> check_permissions(const attempt_spec& spec, const host_permissions& permits);

/// The mounts that `volumeMounts` of a task are: `source` or `source:target`, absolute and without `..`: a pool permits
/// what is below its paths before tokens are replaced. Fails with `invalid_argument`.
[[nodiscard]] result<std::vector<bind_mount>> volume_mounts_of(const spec::task& task,
                                                               const spec::token_values& tokens);

/// `uid:gid` or a name, from the pool's `user`; empty: as the image says.
[[nodiscard]] std::string user_of(const std::string& configured);

/// The JSON for `client::create_container`, with labels. Fails with `invalid_argument` (not permitted, a variable that
/// cannot be set), `unsupported` (GPUs where the daemon has no runtime for them).
[[nodiscard]] result<std::string> make_container_config(const attempt_spec& spec, const docker_pool_config& config,
                                                        const container_plan& plan, const daemon_facts& daemon);

/// How much of a log is kept, by the pool's configuration.
[[nodiscard]] log_limits log_limits_of(const docker_pool_config& config);

/// The value of the label that tells two set-ups apart; empty if `config` has none.
[[nodiscard]] std::string setup_of(const std::string& config);

} // namespace muster::docker
