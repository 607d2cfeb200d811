#pragma once

#include "actors/runtime.hpp"
#include "muster/base/result.hpp"
#include "muster/config/file.hpp"
#include "muster/store/layout.hpp"

#include <string>
#include <vector>

namespace muster::cli {

/// What of it can be changed while it works.
[[nodiscard]] runtime_limits runtime_limits_of(const config::service_settings& x);

/// How the runtime of a head is set up by `known`: all pools of the configuration and `local`, or just those that
/// `only` names. Launches the warden, so no thread may exist; threads of drivers do afterwards. Fails as `choose_pool`
/// and `make_driver`.
[[nodiscard]] result<runtime_config> make_runtime_config(const config::configuration& known,
                                                         const store::state_directory& directory,
                                                         const std::vector<std::string>& only);

} // namespace muster::cli
