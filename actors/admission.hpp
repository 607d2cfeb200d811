#pragma once

#include "executors/driver.hpp"
#include "muster/base/result.hpp"
#include "muster/config/pool_policy.hpp"
#include "muster/spec/model.hpp"
#include "muster/store/reader.hpp"

#include <optional>

namespace muster {

/// Whether this runtime can do what a checked spec asks: storage that can be reached, tasks of earlier workflows that
/// have ended, nothing that the executor lacks or that the rules of the pool forbid. All reasons in one message, one a
/// line: `unsupported`, `not_found`, `conflict` or `invalid_argument`.
[[nodiscard]] result<void> check_admission(const spec::workflow& workflow, const capabilities& offered,
                                           const config::pool_policy& rules, store::reader& history);

/// The workflow, with what is to run its tasks as the rules say now; nothing if they say nothing.
[[nodiscard]] std::optional<spec::workflow> with_drivers(const spec::workflow& workflow,
                                                         const config::pool_policy& rules);

} // namespace muster
