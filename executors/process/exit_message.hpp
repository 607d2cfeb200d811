#pragma once

#include "executors/process/protocol.hpp"

#include <string>

namespace muster::process {

/// What people should know of how an attempt ended, beside its code; empty if nothing. `program` is what it ran,
/// `memory` its limit in bytes, 0 if that is not known.
[[nodiscard]] std::string message_of(const wire::exited_message& end, const std::string& program, std::int64_t memory);

} // namespace muster::process
