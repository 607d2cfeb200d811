#pragma once

#include "executors/process/warden/protocol.hpp"

#include <string>
#include <vector>

#include <sys/types.h>

namespace muster::process {

/// How a spawn went. With `failed_number` 0 the program runs as `pid`.
struct spawn_outcome {
  pid_t pid = -1;
  int failed_number = 0;  ///< errno, if it failed.
  wire::note failed_at{}; ///< `exec_failed`, `chdir_failed`, or `none`: no process could be made.
};

/// Sets every disposition to its default, and blocks every signal: a warden dies of none that can be kept off, and what
/// `spawn` starts has nothing to set back but the mask.
void settle_signals();

/// Lets this process in as soon as it wakes, in place of one that has a core for longer: what a warden does takes
/// microseconds, and its tasks wait for it. Most of all, a parent that a vfork held up goes on beside its child and not
/// behind it. What `spawn` starts is scheduled as this process was before. Older kernels (before 6.12) ignore it.
void take_short_slice();

/// What a program that is to be held gets besides.
struct hold_files {
  int line = -1;   ///< Its descriptor 4.
  int holder = -1; ///< Its descriptor 5. Neither is lower than `lowest_hold_file` here.
};
constexpr int lowest_hold_file = 16;
/// By this name the program finds descriptor 5.
constexpr const char* holder_path = "/proc/self/fd/5";

/// Starts a program in a session and process group of its own, in `folder`/work, with default signals and nothing open
/// but `null_fd` as input, `log_fd` as output and errors, and the argument file as descriptor 3. Shares the caller's
/// memory until the program is loaded, so it costs the same however large the caller is. The caller has one thread.
/// Before anything else it joins the control groups whose files `join` are.
[[nodiscard]] spawn_outcome spawn(const wire::start_request& what, int null_fd, int log_fd,
                                  const std::vector<int>& join = {}, const hold_files& hold = {});

} // namespace muster::process
