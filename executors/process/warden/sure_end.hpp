#pragma once

#include <sys/types.h>

namespace muster::process {

/// Sends `signal` (SIGTERM or SIGKILL) to a process that is no child of the caller, so that it is certain how it ends:
/// it is stopped first, so it cannot end by itself meanwhile, and the signal is sent only if it must die of it. False
/// if that cannot be known; then it was not sent, and the process is as it was. Blocks for 3 s at worst, where the
/// process is given no CPU.
[[nodiscard]] bool end_for_sure(pid_t pid, int signal);

} // namespace muster::process
