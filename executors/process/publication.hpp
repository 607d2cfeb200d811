#pragma once

#include "executors/driver.hpp"

#include <filesystem>
#include <vector>

namespace muster::process {

/// Publishes the outputs of an attempt that ended, each at its URL; long for large ones. The first that fails changes
/// `out` to `exit_code_publish_failed` and says why: it counts as the higher of two codes, as with OSMO.
void publish_outputs(attempt_id id, const std::filesystem::path& folder, const std::vector<spec::output>& outputs,
                     exit_result& out);

} // namespace muster::process
