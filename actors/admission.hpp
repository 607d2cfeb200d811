#pragma once

#include "executors/driver.hpp"
#include "muster/base/result.hpp"
#include "muster/spec/model.hpp"
#include "muster/store/reader.hpp"

namespace muster {

/// Whether this runtime can do what a checked spec asks: storage that can be reached, tasks of earlier workflows that
/// have ended, nothing that the executor lacks. All reasons in one message, one a line: `unsupported`, `not_found` or
/// `conflict`.
[[nodiscard]] result<void> check_admission(const spec::workflow& workflow, const capabilities& offered,
                                           store::reader& history);

} // namespace muster
