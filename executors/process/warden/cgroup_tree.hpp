#pragma once

#include "executors/process/warden/attempt_cgroup.hpp"

#include <map>
#include <string>
#include <vector>

namespace muster::process {

/// The control groups of one state directory: in each hierarchy a folder `muster-<tag>` below the warden's own group,
/// with a folder per attempt in it. `<state>/warden/cgroups` lists them, so that the next warden finds what a killed
/// one left. The tag comes from the state directory's own inode: nobody else's groups are ever taken for its own.
class cgroup_tree {
public:
  /// For the state directory whose folder `warden` this is. Makes nothing.
  explicit cgroup_tree(const std::string& warden_folder);

  /// Groups that an earlier warden left, by the name of their attempt.
  [[nodiscard]] std::map<std::string, attempt_cgroup> leftovers() const;

  /// Makes the folders, and tries all that an attempt will need. `unsupported` says why it is not permitted, and what
  /// to do.
  [[nodiscard]] result<void> open();
  [[nodiscard]] bool is_open() const noexcept { return !bases_.empty(); }

  /// A group for an attempt, its limits set.
  [[nodiscard]] result<attempt_cgroup> make(const std::string& name, const attempt_limits& limits) const;

  /// The name of the attempt in whose group the process is; empty if in none.
  [[nodiscard]] std::string attempt_of(pid_t pid) const;

  /// Removes all folders, where nothing is in them any more.
  void close();

private:
  [[nodiscard]] std::vector<std::string> listed() const;
  result<void> list(const std::vector<cgroup_base>& bases) const;
  result<void> try_out(const std::vector<cgroup_base>& bases) const;

  std::string list_file_;
  std::string tag_;
  std::vector<cgroup_base> bases_;
};

/// Folders of this process's groups below which those of attempts can be made. `unsupported` if a controller is missing
/// or may not be used.
[[nodiscard]] result<std::vector<cgroup_base>> find_cgroup_parents(const std::string& mountinfo,
                                                                   const std::string& own_groups);

} // namespace muster::process
