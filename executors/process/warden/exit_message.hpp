#pragma once

#include "executors/process/warden/protocol.hpp"

#include <string>

namespace muster::process {

/// What people should know of how an attempt ended, beside its code; empty if nothing. `program` is what it ran,
/// `memory` its limit in bytes, 0 if that is not known.
[[nodiscard]] std::string message_of(const wire::exited_message& end, const std::string& program, std::int64_t memory);

/// What a shell would exit with for a program that cannot be executed (errno).
[[nodiscard]] std::int32_t exec_failure_code(int number);

/// What the log says then, as a line.
[[nodiscard]] std::string exec_complaint(const std::string& program, int number);

} // namespace muster::process
