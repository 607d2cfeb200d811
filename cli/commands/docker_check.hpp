#pragma once

#include "executors/docker/docker_config.hpp"

#include <string>
#include <vector>

namespace muster::cli {

/// Whether a Docker daemon could run something.
struct docker_check {
  bool usable = false;
  std::string where;   ///< Its address; empty if that is not known.
  std::string version; ///< Of the daemon, when it answered.
  std::string why_not; ///< When it is not usable.
};

/// Asks the daemon of `pool`, for at most a few seconds, whether it answers and, where pulling is forbidden, whether it
/// has all of `images`. Its thread has ended on return.
[[nodiscard]] docker_check check_docker(const docker_pool_config& pool, const std::vector<std::string>& images);

} // namespace muster::cli
