#pragma once

#include "executors/process/warden/cgroup_rules.hpp"
#include "muster/base/posix.hpp"

#include <string>
#include <vector>

#include <sys/types.h>

namespace muster::process {

/// A folder below which groups are made, in one hierarchy, and what is limited there.
struct cgroup_base {
  std::string folder;
  std::vector<std::string> controllers;
  bool unified = false;
};

/// The control group of one attempt: a folder of the same name in each hierarchy. Does not remove itself: the attempt
/// outlives whoever looks at it.
class attempt_cgroup {
public:
  /// Makes it, with its limits set. On failure nothing of it is left.
  [[nodiscard]] static result<attempt_cgroup> make(const std::vector<cgroup_base>& bases, const std::string& name,
                                                   const attempt_limits& limits);
  /// One that an earlier warden made, of the folders that are left.
  [[nodiscard]] static attempt_cgroup found(std::vector<std::string> folders);

  /// A process that writes `0` into each of them is in the group. Open until `close_join_files`.
  [[nodiscard]] std::vector<int> join_files() const;
  void close_join_files() { join_.clear(); }

  /// Living processes in it and in groups that they made below it.
  [[nodiscard]] std::vector<pid_t> processes() const;

  /// Kills all that is in it; nothing in it can begin meanwhile. What waits for a disk ends when that answers.
  void kill_all() const;

  /// Processes of it were killed for want of memory.
  [[nodiscard]] bool ran_out_of_memory() const;

  /// Removes its folders. False if something still runs in it.
  [[nodiscard]] bool remove() const;

private:
  result<void> make_in(const cgroup_base& base, const std::string& name, const attempt_limits& limits);

  std::vector<std::string> folders_;
  std::vector<unique_fd> join_;
};

/// Writes into an existing file of a group; false with errno set.
[[nodiscard]] bool write_setting(const std::string& file, std::string_view value) noexcept;

/// Names of the groups below the folder of a group.
[[nodiscard]] std::vector<std::string> groups_below(const std::string& folder);

} // namespace muster::process
