#pragma once

#include "executors/docker/docker_config.hpp"
#include "executors/docker/driver_core.hpp"
#include "executors/docker/engine/client.hpp"
#include "executors/driver.hpp"
#include "executors/machine/discovery.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace muster::docker {

/// What a daemon offers, for the pool and for the driver.
struct probe_result {
  capabilities offers;
  probed_daemon daemon;
  std::optional<machine::machine_watch> machine; ///< If the daemon gives GPUs of this host to containers.
};

/// Where the daemon of this pool is. Fails with `invalid_argument`, `unsupported`.
[[nodiscard]] result<endpoint> daemon_endpoint(const docker_pool_config& config);

/// Asks the daemon what it can do; blocks. Fails with `unavailable` (away), `io_error` (not permitted), `unsupported`
/// (too old, or not for Linux containers), in words that say what to do.
[[nodiscard]] result<probe_result> probe_daemon(loop& on, client& engine, const docker_pool_config& config);

/// The UUIDs of what was found, by index.
[[nodiscard]] std::map<std::uint32_t, std::string> uuids_of(const machine::discovery& found);

/// What was found, as what a daemon offers that gives GPUs to containers. True if that makes other GPUs than before.
bool take_gpus(machine::discovery found, capabilities& offers);

/// The destinations of a routing table as /proc/net/route has it, without the default route.
[[nodiscard]] std::vector<ipv4_block> routes_of(std::string_view table);

/// The range that networks are made of: `wanted`, else that which this head has networks in already (`own`), else
/// 10.213.0.0/16 or the next /16 that overlaps nothing in `taken`.
/// Fails with `unavailable` if there is none, or nothing is free in the one that is wanted.
[[nodiscard]] result<address_space> choose_space(const std::optional<ipv4_block>& wanted,
                                                 const std::vector<ipv4_block>& taken,
                                                 const std::vector<ipv4_block>& own = {});

} // namespace muster::docker
