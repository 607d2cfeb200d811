#pragma once

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>

namespace muster {

/// Has the system schedule actors by a shared queue, as the policy `sharing` does, but end them quietly: in CAF 0.17.6
/// every actor that ends has its timeouts cancelled by the thread of the clock, which wakes for it although hardly any
/// actor ever set one. Nor do their turns cost what only CAF's logger would read.
void use_quiet_scheduler(caf::actor_system_config& config);

} // namespace muster
