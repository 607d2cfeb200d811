#pragma once

#include "executors/process/warden/attempt_cgroup.hpp"
#include "executors/process/warden/protocol.hpp"
#include "executors/process/warden/spawn.hpp"
#include "muster/base/unique_fd.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <sys/types.h>

namespace muster::process {

/// An attempt whose process has been made and kept from running.
struct held_start {
  wire::start_request request;
  pid_t pid = 0;                ///< 0: it has no process, and is started like any other.
  unique_fd line;               ///< To the process: a byte lets it go, the end of it ends the process.
  bool is_here = false;         ///< The process has said that it waits.
  std::uint64_t first_tick = 0; ///< It was made between these ticks since boot.
  std::uint64_t last_tick = 0;
  std::optional<attempt_cgroup> cgroup;
};

/// The file that becomes the attempt's log when it is started: what its process writes before, bubblewrap say.
[[nodiscard]] std::string held_log(const std::string& folder);

/// Lets go the process of a held start, which then becomes the program of the attempt. `like_a_shell`: a script that
/// does not say by what is run by /bin/sh.
void let_go(const unique_fd& line, bool like_a_shell);

/// Why the program of an attempt that was let go could not be executed (errno); nothing if it could.
[[nodiscard]] std::optional<int> exec_failure(const unique_fd& line);

/// Nothing more comes: the other end is gone, or has become the program.
[[nodiscard]] bool is_over(const unique_fd& line);

/// The processes of attempts that are held, children of the caller. None of them ever runs the program of its attempt
/// unless `let_go` is called: each waits for a byte that only this process can send, and ends when this process has
/// ended. Not thread-safe.
class held_starts {
public:
  explicit held_starts(int null_fd);
  ~held_starts() { drop_all(); }
  held_starts(held_starts&&) noexcept = default;
  held_starts& operator=(held_starts&&) = delete;

  /// Another can be held: this host can at all, and files are left.
  [[nodiscard]] bool can_hold() const { return holder_ && news_ && held_.size() < most_; }
  /// Takes a start in for which there is no process.
  void add(wire::start_request x);
  /// Makes its process. Where that fails for a reason of the attempt's own (its program is not there), none is made,
  /// and the start will tell. Fails with `start_failed` or `io_error`; `cgroup` is left as it is then.
  [[nodiscard]] result<void> make(wire::start_request x, std::optional<attempt_cgroup>& cgroup);

  [[nodiscard]] bool has(attempt_id id) const { return held_.count(id) != 0; }
  /// It waits for no more; nothing if there is none. Its process lived a moment ago, if there is one.
  [[nodiscard]] std::optional<held_start> take(attempt_id id);
  void drop(attempt_id id);
  void drop_all();
  /// What was taken is not to run.
  void end(held_start x);

  /// Readable when there may be someone in `arrived`.
  [[nodiscard]] int file() const { return news_.get(); }
  /// Those that wait since the last call, or whose process has ended before it came so far.
  [[nodiscard]] std::vector<attempt_id> arrived();
  /// Some have a process which has not said yet that it waits.
  [[nodiscard]] bool expects_more() const;

  /// The process, a child of the caller, was one of these, living or dropped.
  [[nodiscard]] bool owns(pid_t pid) const { return pids_.count(pid) != 0; }
  /// A child was reaped that is owned.
  void reaped(pid_t pid);
  /// Those of ended processes: nobody needs them any more.
  [[nodiscard]] std::vector<attempt_cgroup> take_cgroups() { return std::exchange(cgroups_, {}); }

  /// Nothing is held, and nothing that was dropped still lives.
  [[nodiscard]] bool empty() const { return held_.empty() && pids_.empty(); }

private:
  void unwatch(held_start& x);

  int null_fd_;
  unique_fd holder_;
  unique_fd news_; ///< An epoll of the lines of those that are not here yet.
  std::size_t most_ = 0;
  std::unordered_map<attempt_id, held_start> held_;
  std::unordered_map<pid_t, attempt_id> pids_; ///< Of all that were not reaped, dropped ones too.
  std::unordered_map<pid_t, std::optional<attempt_cgroup>> dropped_;
  std::vector<attempt_id> without_; ///< No process is to be expected of them, which nobody was told yet.
  std::vector<attempt_cgroup> cgroups_;
};

} // namespace muster::process
