#include "executors/docker/engine/types.hpp"

namespace muster::docker {

std::string to_string(const api_version& version) {
  return std::to_string(version.major) + "." + std::to_string(version.minor);
}

} // namespace muster::docker
