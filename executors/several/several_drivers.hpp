#pragma once

#include "executors/driver.hpp"

#include <memory>
#include <vector>

namespace muster {

/// Several drivers of one machine as one, which is a `changing_offer`: an attempt is that of the driver which its
/// resources name, or of the first. `probe` fails if one of them cannot be probed, and with `invalid_argument` if two
/// have one name.
///
/// What they offer together has the amounts that all of them have, and the GPUs of the first; another one is offered
/// for tasks with GPUs if it has those. Which attempts may come is up to the caller: one that names none of them is
/// ignored, and `adopt` fails. All are asked by `adopt` about attempts that name no driver.
[[nodiscard]] std::unique_ptr<driver> make_several_drivers(std::vector<std::shared_ptr<driver>> all);

} // namespace muster
