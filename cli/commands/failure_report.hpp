#pragma once

#include "muster/store/layout.hpp"
#include "muster/store/reader.hpp"

#include <ostream>
#include <string>

namespace muster::cli {

/// `muster WHAT`, with `--state-dir` where the environment alone would not lead to `directory`.
[[nodiscard]] std::string command_line(const std::string& what, const store::state_directory& directory);

/// Why a workflow failed: the first tasks that failed by themselves, their exit codes, the last lines of their logs,
/// and the command that shows more.
void report_failure(store::reader& reader, const store::state_directory& directory,
                    const store::workflow_record& workflow, std::ostream& out);

} // namespace muster::cli
