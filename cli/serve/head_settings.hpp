#pragma once

#include "gateway/service.hpp"
#include "muster/config/service.hpp"
#include "muster/store/retention.hpp"

#include <chrono>
#include <cstdint>
#include <string>

/// What the configuration says to the parts of a head.
namespace muster::cli {

[[nodiscard]] inline std::chrono::milliseconds rounded(duration x) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(x);
}

[[nodiscard]] store::retention_policy retention_policy_of(const config::retention_settings& x);

/// Everything of the service; the address must have been checked.
[[nodiscard]] gateway::service_config service_config_of(const config::service_settings& x,
                                                        const store::state_directory& directory);

/// What a command of this machine can call: `http://127.0.0.1:7717`, also where the head listens everywhere.
[[nodiscard]] std::string own_address(const config::server_settings& x, std::uint16_t port);

} // namespace muster::cli
