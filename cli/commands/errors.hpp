#pragma once

#include "muster/base/result.hpp"

#include <string_view>

namespace muster::cli {

/// Says on stderr what went wrong; returns the exit code for it.
int report(const error& problem);

/// Says on stderr how the command was misused; returns the exit code for that.
int report_usage(std::string_view what);

} // namespace muster::cli
