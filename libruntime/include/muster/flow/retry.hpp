#pragma once

#include "muster/base/result.hpp"
#include "muster/flow/machine.hpp"
#include "muster/spec/flow.hpp"

#include <string>
#include <utility>
#include <vector>

namespace muster::flow {

/// Which recorded gangs of a finished run are to be run once more, by their positions in `recorded`: those that did not
/// complete, but for what was borne by a step that did; with `from`, a step's path such as `train` or `mid.1.leaf.2`,
/// also that step and all that depends on it, whatever became of it. Fails with `ec::not_found` if `from` is no step,
/// or an element that nothing ran of.
[[nodiscard]] result<std::vector<std::size_t>>
gangs_to_retry(const spec::scope_ptr& definition, const std::vector<std::pair<std::string, recorded_gang>>& recorded,
               const std::string& from);

} // namespace muster::flow
