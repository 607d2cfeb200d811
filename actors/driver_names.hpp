#pragma once

#include "executors/driver.hpp"

#include <string>

namespace muster {

/// The drivers of an offer as a workflow remembers what runs it: sorted, with commas between.
[[nodiscard]] std::string driver_names(const capabilities& offered);

/// Those of `before` that `now` lacks, written likewise. What they were given they alone can tell of, or end.
[[nodiscard]] std::string missing_drivers(const std::string& before, const std::string& now);

} // namespace muster
