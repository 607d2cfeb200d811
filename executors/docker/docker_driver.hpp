#pragma once

#include "executors/docker/docker_config.hpp"
#include "executors/driver.hpp"

#include <memory>

namespace muster {

/// The driver for containers: attempts are containers of a Docker daemon, which outlive the driver and are found again
/// by their names and labels. One thread talks to the daemon and keeps all state, two more do what takes long with
/// files.
[[nodiscard]] std::unique_ptr<driver> make_docker_driver(docker_pool_config config);

} // namespace muster
