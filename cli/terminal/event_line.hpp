#pragma once

#include "cli/terminal/style.hpp"
#include "muster/store/records.hpp"

#include <string>

namespace muster::cli {

/// An event as one line for people: `03:04:05  train  RUNNING  on node-1 (127.1.0.2)`.
[[nodiscard]] std::string event_line(const store::named_event& x, const style& look);

} // namespace muster::cli
