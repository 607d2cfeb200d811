#pragma once

#include "muster/base/posix.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

/// What /proc says about processes.
namespace muster::process {

/// The parts of /proc/<pid>/stat that matter here.
struct process_facts {
  char state = '?'; ///< `Z` and `X` are dead.
  pid_t parent = 0;
  pid_t group = 0;
  pid_t session = 0;
  std::uint64_t start_ticks = 0; ///< Clock ticks since boot: with the pid, names a process for ever.
};

/// Reads the text of /proc/<pid>/stat; the name of a program may hold anything, also `) R 1`.
[[nodiscard]] std::optional<process_facts> parse_stat(std::string_view text);

/// The facts of a living or dead but unreaped process; nothing if there is none.
[[nodiscard]] std::optional<process_facts> facts_of(pid_t pid);

/// The value of a variable in the environment that the process was started with; nothing if it cannot be known.
[[nodiscard]] std::optional<std::string> initial_environment(pid_t pid, std::string_view name);

/// The same, of the text of /proc/<pid>/environ.
[[nodiscard]] std::optional<std::string> find_variable(std::string_view environ_text, std::string_view name);

/// All processes of this host that /proc shows.
[[nodiscard]] std::vector<pid_t> all_processes();

/// Clock ticks since boot, now: comparable with `start_ticks`.
[[nodiscard]] std::uint64_t boot_ticks() noexcept;

/// A number that is different after each boot.
[[nodiscard]] std::uint64_t boot_number();

/// Lists the children of the calling, single-threaded process. Whole and exact as long as nobody else reaps them.
class children_list {
public:
  children_list();
  void read(std::vector<pid_t>& out);

private:
  void read_by_parent(std::vector<pid_t>& out) const;
  unique_fd file_; ///< /proc/self/task/<tid>/children; absent if the kernel was built without.
  std::string buffer_;
};

/// The children of another process, all its threads'.
[[nodiscard]] std::vector<pid_t> children_of(pid_t pid);

} // namespace muster::process
