#pragma once

#include "actors/protocol/messages.hpp"
#include "actors/workflow.hpp"
#include "executors/driver.hpp"
#include "muster/base/result.hpp"
#include "muster/store/reader.hpp"

#include <memory>
#include <string>
#include <vector>

namespace muster {

/// A workflow as the store has it, ready to be taken up.
struct stored_workflow {
  accepted who;
  plan_ptr layout;
  restore_ptr restore;
  std::vector<status> tasks; ///< As recorded.
};

/// Reads an unfinished workflow and asks the driver what became of each attempt that may have been started. Clocks of
/// groups go on as of `now`. `not_found` if there is no such workflow, `conflict` if it is finished.
[[nodiscard]] result<stored_workflow> load_workflow(store::reader& from, const store::state_directory& directory,
                                                    const std::string& id, driver& runs,
                                                    const caf::strong_actor_ptr& executor, timestamp now);

/// What its groups will ask the POOL for that have members which live. Told before it is taken up, it is booked before
/// anybody else gets it.
[[nodiscard]] std::vector<placement_request> what_is_held(const stored_workflow& x);

} // namespace muster
