#pragma once

#include "executors/process/warden/protocol.hpp"
#include "muster/base/unique_fd.hpp"

namespace muster::process {

/// The program that stands in for one that is held (holder_program.cxx), as an executable file without a name, with a
/// descriptor of `lowest_hold_file` or more. None where this kernel or processor has none: then nothing is held.
[[nodiscard]] unique_fd open_holder();

/// `start` with that program in place of the attempt's own, which it becomes when it is let go.
[[nodiscard]] wire::start_request held_request(const wire::start_request& start);

/// The program of the attempt itself, also if bubblewrap starts it.
[[nodiscard]] std::string own_program(const wire::start_request& start);

} // namespace muster::process
