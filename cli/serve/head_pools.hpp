#pragma once

#include "actors/runtime.hpp"
#include "muster/base/result.hpp"
#include "muster/base/time.hpp"
#include "muster/config/file.hpp"
#include "muster/store/layout.hpp"

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace muster::cli {

/// What of it can be changed while it works.
[[nodiscard]] runtime_limits runtime_limits_of(const config::service_settings& x);

/// How a head is set up.
struct head_setup {
  runtime_config engine;
  /// What is to be said in the log of pools that were made while an earlier head ran: name, text.
  std::vector<std::pair<std::string, std::string>> warnings;
  bool agents_join = false; ///< Some pool here.
};

/// Of `known`: all pools of the configuration, `local`, and those that were made while an earlier head ran; or just
/// those that `only` names. Launches the warden, so no thread may exist; threads of drivers do afterwards. Fails as
/// `choose_pool` and `make_driver`.
[[nodiscard]] result<head_setup> make_head_setup(const config::configuration& known,
                                                 const store::state_directory& directory,
                                                 const std::vector<std::string>& only);

/// Where a head and an agent keep the copy of their certificates that connections use, below their state directory.
[[nodiscard]] std::filesystem::path link_folder(const store::state_directory& directory);

/// What came of reading certificates again.
struct renewal {
  timestamp expires{};
  bool other_authority = false; ///< Agents with certificates of the former one are not taken any more.
};

/// The certificates that `settings` name, as they are now, checked: for all connections of `of` that begin from now on.
[[nodiscard]] result<renewal> renew_certificates(const config::agent_settings& settings,
                                                 const store::state_directory& directory, runtime& of);

} // namespace muster::cli
