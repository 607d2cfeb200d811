#pragma once

#include "executors/process/warden/procfs.hpp"
#include "muster/base/ids.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace muster::process {

/// The variable that says, in the environment of every process of an attempt, whose it is: the attempt's folder. Unlike
/// the attempt's number it is unique on the host.
constexpr std::string_view owner_variable = "MUSTER_ATTEMPT_FOLDER";

/// An attempt that is not over, as far as it matters for finding out whose a process is.
struct possible_owner {
  attempt_id id;
  std::string_view folder;
  pid_t pid = 0;                ///< Its main process, which leads its session.
  std::uint64_t first_tick = 0; ///< None of its processes began earlier.
};

/// Whose may a process be that became the warden's child and is no attempt's main process? One answer is certain;
/// several are all attempts that could be: it is ended when the last of them is over. By the session first, which
/// nobody can enter from outside; then by the environment it was started with (`folder`, if known); then by exclusion:
/// it began after its attempt did.
[[nodiscard]] std::vector<attempt_id> owners_of(const process_facts& facts, const std::optional<std::string>& folder,
                                                const std::vector<possible_owner>& alive,
                                                const std::map<pid_t, attempt_id>& known_sessions);

/// A process that a task left behind, or put aside while it still runs.
struct orphan {
  process_facts facts;
  std::vector<attempt_id> owners;
  std::int64_t kill_at_us = 0; ///< Asked to end; killed from then on. 0: not asked.
  bool killed = false;
};

/// Asks a process to end, with its group unless that is the caller's own, also if it is stopped.
void end_politely(pid_t pid, pid_t group);
/// Kills a process and its group unless that is the caller's own.
void end_now(pid_t pid, pid_t group);

/// Living processes, other than children of the caller, that belong to an attempt whose warden died: of its session or
/// with its folder in their environment.
[[nodiscard]] std::vector<pid_t> survivors_of(pid_t session, std::string_view folder);

} // namespace muster::process
