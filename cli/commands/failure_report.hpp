#pragma once

#include "cli/remote/connection.hpp"
#include "gateway/client/api.hpp"
#include "muster/store/layout.hpp"

#include <functional>
#include <ostream>
#include <string>

namespace muster::cli {

/// `muster WHAT`, with `--state-dir` where the environment alone would not lead to `directory`.
[[nodiscard]] std::string command_line(const std::string& what, const store::state_directory& directory);
/// The same with the options that name a head.
[[nodiscard]] std::string command_line(const std::string& what, const head_choice& head);

/// How a failed workflow is reported.
struct failure_report {
  std::string id;
  std::string took;                                       ///< For people.
  std::function<std::string(const std::string&)> command; ///< The command line of `logs ...` and the like.
};

/// Why a workflow failed: the first tasks that failed by themselves and were not borne, their exit codes, the last
/// lines of their logs, and the command that shows more.
void report_failure(client::api& head, const failure_report& what, std::ostream& out);

} // namespace muster::cli
