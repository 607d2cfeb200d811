#pragma once

#include "muster/base/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What the kernel's control groups want to be told, and what they say: cgroup-v1 and cgroup-v2 of its documentation.
/// Text in, text out; nothing here touches a file.
namespace muster::process {

/// What the processes of one attempt may use together. 0: as much as there is.
struct attempt_limits {
  std::int64_t memory = 0;    ///< Bytes, swap included.
  std::int64_t cpu = 0;       ///< Whole CPUs of time.
  std::int64_t processes = 0; ///< Processes and threads.
};

/// The controllers that enforce them.
constexpr const char* needed_controllers[] = {"memory", "cpu", "pids"};

/// A hierarchy of control groups as it is mounted here.
struct cgroup_mount {
  std::string root;  ///< The group that is seen at `point`.
  std::string point; ///< Where it is mounted.
  bool unified = false;
  std::vector<std::string> controllers; ///< Of version 1; empty if unified.
};

/// The hierarchies in the text of /proc/self/mountinfo.
[[nodiscard]] std::vector<cgroup_mount> parse_cgroup_mounts(std::string_view mountinfo);

/// The group of a process in the hierarchy of `controller`, or with an empty name in the unified one. `text` is that of
/// /proc/<pid>/cgroup. Nothing if there is no such hierarchy.
[[nodiscard]] std::optional<std::string> group_in(std::string_view text, std::string_view controller);

/// The folder of group `group` of a mounted hierarchy. A group outside of what is mounted (a container that sees only
/// its own) is taken for the one at the mount point.
[[nodiscard]] std::string folder_of(const cgroup_mount& mount, const std::string& group);

/// The name of the attempt's group if a process is in one below the folder `tag`; `text` is that of /proc/<pid>/cgroup.
[[nodiscard]] std::optional<std::string> attempt_in(std::string_view text, std::string_view tag);

/// One file of a group to write.
struct cgroup_setting {
  std::string file;
  std::string value;
  bool may_fail = false; ///< Kernels without swap accounting do not have it.
};

/// What to write, in this order, into a new group for `limits`, as far as `controller` is concerned.
[[nodiscard]] std::vector<cgroup_setting> settings_of(const attempt_limits& limits, std::string_view controller,
                                                      bool unified);

/// How many processes of a group were killed for want of memory: the line `oom_kill` of memory.oom_control (version 1)
/// or memory.events (version 2). 0 if it has none.
[[nodiscard]] std::uint64_t parse_oom_kills(std::string_view text);

/// True if every word of `wanted` is a word of `text`, such as that of cgroup.controllers.
[[nodiscard]] bool holds_words(std::string_view text, const std::vector<std::string>& wanted);

} // namespace muster::process
