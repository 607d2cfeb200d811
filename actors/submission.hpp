#pragma once

#include "actors/protocol/messages.hpp"
#include "actors/runtime.hpp"
#include "muster/base/result.hpp"

namespace muster {

/// Lays out a checked spec and turns it into rows for the store.
/// `at_least`: see `default_needs`.
[[nodiscard]] result<submission_ptr> make_submission(const spec::workflow& workflow, submission_info info,
                                                     const node_amounts& at_least);

} // namespace muster
