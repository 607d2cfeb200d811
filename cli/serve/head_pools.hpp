#pragma once

#include "actors/runtime.hpp"
#include "muster/base/result.hpp"
#include "muster/config/file.hpp"
#include "muster/store/layout.hpp"

#include <filesystem>
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

/// Where a head and an agent keep the copy of their certificates that connections use, below their state directory.
[[nodiscard]] std::filesystem::path link_folder(const store::state_directory& directory);

/// The certificates that `settings` name, as they are now, checked: for all connections of `of` that begin from now on.
/// Does nothing where none are named.
[[nodiscard]] result<void> renew_certificates(const config::agent_settings& settings,
                                              const store::state_directory& directory, runtime& of);

} // namespace muster::cli
