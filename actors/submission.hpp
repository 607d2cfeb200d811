#pragma once

#include "actors/protocol/messages.hpp"
#include "actors/runtime.hpp"
#include "muster/base/result.hpp"

namespace muster {

/// The pool that runs a workflow.
struct pool_of_submission {
  std::string name;
  std::string driver = {}; ///< As of `driver_names`.
};

/// Lays out a checked spec and turns it into rows for the store. `at_least` is of `default_needs`; `keeps_pool` as in
/// `submission`.
[[nodiscard]] result<submission_ptr> make_submission(const spec::workflow& workflow, submission_info info,
                                                     pool_of_submission pool, const node_amounts& at_least,
                                                     std::shared_ptr<const void> keeps_pool = {});

/// Turns a chunk of a workflow into rows for the store, for `grow` of JOURNAL. `chunk` is numbered on from what the
/// workflow has.
[[nodiscard]] growth_ptr make_growth(workflow_key workflow, plan_ptr chunk);

} // namespace muster
