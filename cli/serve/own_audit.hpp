#pragma once

#include "actors/runtime.hpp"
#include "muster/base/result.hpp"

#include <functional>
#include <string>

namespace muster::cli {

/// Carries out what a head does by itself, with a row of the audit log from `head` before, and how it went after. Where
/// no row can be written, as on a full disk, it is carried out all the same, and the log says so.
result<void> audited(runtime& engine, const char* action, const std::string& target,
                     const std::function<result<void>()>& what);

} // namespace muster::cli
