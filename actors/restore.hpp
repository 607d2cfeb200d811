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
  std::shared_ptr<workflow_restore> restore;
  std::vector<status> tasks; ///< As recorded.
  /// Attempts that may have been started, and of which nobody has said what became of them: they are taken to be away.
  std::vector<attempt_spec> unasked;
};

/// When an earlier runtime recorded something last, to be asked before this one does: until then it was there, and
/// whoever waited could have had places. The beginning of time if no event is there.
[[nodiscard]] result<timestamp> recorded_until(store::reader& from);

/// Points in time that clocks of groups go on from.
struct restore_times {
  timestamp now;
  timestamp recorded_until; ///< See there.
};

/// Reads an unfinished workflow. `not_found` if there is no such workflow, `conflict` if it is finished.
[[nodiscard]] result<stored_workflow> load_workflow(store::reader& from, const store::state_directory& directory,
                                                    const std::string& id, const caf::strong_actor_ptr& executor,
                                                    const restore_times& at);

/// Whether any attempt of it may have begun that one of these drivers has (see `missing_drivers`): those of this
/// machine make its folder first.
[[nodiscard]] bool may_have_begun(const stored_workflow& x, const std::string& drivers);

/// Takes all that nobody was asked about for lost, whatever runs of it.
void give_up(stored_workflow& x);

/// Asks the driver what became of each attempt that may have been started. If it fails, nothing was asked.
[[nodiscard]] result<void> adopt(stored_workflow& x, driver& runs);

/// What its groups hold that have members which live, or may, and will ask the POOL for; nothing for the others. Told
/// to it before they are taken up, it is booked before anybody else gets it; told again, it is booked anew.
[[nodiscard]] std::vector<placement_request> what_is_held(const stored_workflow& x);

} // namespace muster
