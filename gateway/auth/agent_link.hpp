#pragma once

#include "actors/agents/agent.hpp"

#include <filesystem>

namespace muster::gateway {

/// Has an agent connect by the certificate of its node that is in this folder then, and prove by its key who it is.
void encrypt_by(const std::filesystem::path& folder, agent_config& to);

} // namespace muster::gateway
