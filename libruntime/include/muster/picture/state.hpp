#pragma once

#include "muster/base/ids.hpp"
#include "muster/base/time.hpp"
#include "muster/flow/machine.hpp"
#include "muster/spec/flow.hpp"
#include "muster/state/status.hpp"

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace muster::picture {

/// What was recorded of a gang, or of a step that was not run.
struct gang_row {
  std::string name; ///< Of the group: `train.3-group`.
  group_index index;
  muster::status status = muster::status::waiting;
  bool is_step = false; ///< No gang ever began under this row.
  std::string reason;
  std::optional<timestamp> running;
  std::optional<timestamp> ended;
  std::vector<flow::json_text> results; ///< Of its members, as far as `deciding_steps` names them.
};

/// A gang that failed within an element that has ended.
struct failed_gang {
  std::string path;
  muster::status status = muster::status::failed;
  std::string reason;
  bool borne = false; ///< A step around it has completed all the same.
};

/// A step of a run, or an element or a round of one.
struct step_state {
  std::string path;
  std::string kind; ///< task, group, workflow, branches, switch; element or round.
  muster::status status = muster::status::waiting;
  std::string reason; ///< Why it waits, or what became of it.
  bool is_foreach = false;
  std::uint32_t elements = 0, completed = 0, failed = 0, skipped = 0; ///< Of a foreach.
  std::uint32_t running = 0, queued = 0; ///< Of a foreach: begun and not ended; the rest of those waits.
  std::uint32_t rounds = 0;              ///< Of a loop: begun.
  std::optional<timestamp> began;        ///< Of a gang.
  std::optional<timestamp> ended;
  std::vector<step_state> inner;     ///< Steps in it; of a foreach its elements that were begun and have not ended.
  std::vector<failed_gang> failures; ///< The first in elements and rounds that have ended.
  std::uint64_t more_failures = 0;   ///< How many are not among them.
};

/// Names of the steps whose results may decide what is run, as segments of the paths of rows; none if any result may.
/// The others need not be read to know how a run stands.
[[nodiscard]] std::optional<std::set<std::string>> deciding_steps(const spec::scope& definition);

/// How a run stands, by what was recorded of it. `canceled` is the message of a cancel that was requested. At most
/// `most_failures` are kept for each step.
[[nodiscard]] std::vector<step_state> state_of(const spec::scope_ptr& definition, const std::vector<gang_row>& rows,
                                               const std::optional<std::string>& canceled, std::size_t most_failures);

/// `elements 120/1000 done, 8 running, 2 failed`; empty of what is no foreach.
[[nodiscard]] std::string counts_text(const step_state& x);

} // namespace muster::picture
