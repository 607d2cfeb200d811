#pragma once

#include "executors/driver.hpp"
#include "executors/process/warden/cgroup_tree.hpp"
#include "executors/process/warden/held_starts.hpp"
#include "executors/process/warden/orphans.hpp"
#include "executors/process/warden/protocol.hpp"
#include "executors/process/warden/records.hpp"
#include "executors/process/warden/start_queue.hpp"
#include "executors/process/warden/warden.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace muster::process {

/// An attempt as its warden sees it.
struct tracked {
  enum class phase : std::uint8_t {
    running,  ///< Its main process lives.
    sweeping, ///< Its main process has ended, something it left behind lives.
    ended,    ///< Over and recorded; kept until the runtime forgets it.
    lost,
  };

  attempt_record record;
  std::string folder; ///< Empty if it was started under an earlier warden and nobody asked for it yet.
  phase at = phase::running;
  bool hands_on = false;       ///< Who waits for its end may start then.
  bool survivor = false;       ///< No child of this warden.
  unique_fd pid_file;          ///< Of a survivor: readable when it has ended.
  std::int64_t kill_at_us = 0; ///< Its processes were asked to end; killed from then on. 0: not asked.
  bool killed = false;
  std::optional<attempt_cgroup> cgroup; ///< If its limits are enforced: all of it is in there.
  std::set<pid_t> asked;                ///< Of one whose processes are looked for: those that were asked to end.
  bool swept_clean = false;             ///< Of one whose processes are looked for: none was found any more.
  int sure_signal = 0;                  ///< Of a survivor: it cannot have ended by anything but this signal of ours.
  unique_fd line;                       ///< Of one that was held: tells if its program cannot be executed.
  std::string program;                  ///< Of one that was held.
  std::int64_t give_up_us = 0;          ///< A survivor whose folder nobody names by then is judged without.

  [[nodiscard]] bool alive() const noexcept { return at == phase::running || at == phase::sweeping; }
  /// What it leaves behind is looked for, since it may be no child of the warden, or since its control group knows
  /// best.
  [[nodiscard]] bool is_looked_for() const noexcept { return survivor || cgroup.has_value(); }
};

/// What there is to say to the driver, in order.
struct warden_news {
  std::string frames;
  /// Nothing in it lets the driver do something that cannot be done a moment later as well: starts, and ends of
  /// attempts whose places have been taken already.
  bool can_wait = true;
};

/// All that a warden does with processes: starts attempts, stops them, notices their ends, leaves nothing behind. Knows
/// no sockets; what there is to say is appended to `out`. Not thread-safe.
class warden_state {
public:
  /// `folder` is the warden's.
  warden_state(const std::string& folder, record_file records, const warden_options& options, int null_fd);

  /// Makes ready to enforce limits. Fails with `unsupported`, which says why.
  [[nodiscard]] result<void> enable_limits() { return cgroups_.open(); }

  /// Removes what only a living warden needs.
  void close();

  void start(const wire::start_request& x, warden_news& out);
  void start_after(wire::following_start x, warden_news& out);
  void go(attempt_id id, warden_news& out);
  void hold(wire::start_request what, warden_news& out);
  void release(attempt_id id, warden_news& out);
  void stop(const wire::stop_request& x, warden_news& out);
  void forget(attempt_id id);
  void query(const std::vector<wire::query_item>& items, warden_news& out);
  /// Whoever asked for the starts that wait or are held is gone: they will be asked for again, if they are wanted.
  void drop_waiting() {
    waiting_.clear();
    held_.drop_all();
  }

  /// Reaps children, looks for what they left behind, kills what is due, looks after logs. Call after anything that may
  /// have changed something, and when `next_due` has come.
  void advance(warden_news& out);

  /// Writes what was learnt; before `out` is sent.
  [[nodiscard]] result<void> flush() { return records_.flush(); }

  /// When `advance` must be called again even if nothing happens; 0 for never.
  [[nodiscard]] std::int64_t next_due() const;

  /// Nothing runs.
  [[nodiscard]] bool idle() const noexcept {
    return alive_.empty() && held_.empty() && orphans_.empty() && strays_.empty() && to_remove_.empty();
  }

  /// Files of survivors that become readable when they end; valid until the next call of anything.
  [[nodiscard]] std::vector<int> survivor_files() const;
  /// Readable when an attempt that is to be held has come so far; negative if there is none.
  [[nodiscard]] int held_file() const { return held_.empty() ? -1 : held_.file(); }

private:
  void load();
  void watch_survivor(tracked& x);
  void end_survivor(tracked& x, int signal);
  void take_over_cgroup(tracked& x);
  void end_strays(std::int64_t now);
  void remove_cgroup(attempt_cgroup x);
  adoption look_up(const wire::query_item& item);
  void say_started(const tracked& x, warden_news& out) const;
  void say_ended(const tracked& x, warden_news& out) const;
  void start_followers(warden_news& out);
  [[nodiscard]] result<attempt_cgroup> make_cgroup(const wire::start_request& what);
  /// Its process is there, and its record filled in.
  void begin_to_run(tracked& x, warden_news& out);
  void say_held(warden_news& out);
  void let_go_released();
  void take_exec_failure(tracked& x);

  void reap();
  void main_ended(tracked& x, int status);
  void scan_children();
  void end_orphans(std::int64_t now);
  void check_survivors(std::int64_t now);
  void sweep(tracked& x, std::int64_t now);
  void kill_due(std::int64_t now);
  void finish_swept(warden_news& out);
  void finish(tracked& x, warden_news& out);
  void ask_to_end(tracked& x);
  void kill_main(tracked& x);
  void guard_logs();
  [[nodiscard]] std::vector<possible_owner> possible_owners() const;
  [[nodiscard]] std::optional<attempt_id> owner_by_cgroup(pid_t pid) const;

  cgroup_tree cgroups_;
  std::map<std::string, attempt_cgroup> strays_; ///< Left by an earlier warden, of attempts that nobody asked for yet.
  std::vector<attempt_cgroup> to_remove_;        ///< Of attempts that are over.
  std::int64_t strays_until_us_ = 0;
  record_file records_;
  const warden_options options_;
  const int null_fd_;
  std::unordered_map<attempt_id, tracked> attempts_;
  start_queue waiting_;
  held_starts held_;
  std::vector<const tracked*> to_let_go_;       ///< Marked as started in this batch; into `attempts_`.
  std::vector<attempt_id> handing_on_;          ///< They have ended, and others wait for that.
  std::unordered_map<pid_t, attempt_id> mains_; ///< Unreaped main processes that are children.
  std::vector<tracked*> alive_;                 ///< Running or sweeping; into `attempts_`, which does not move them.
  std::map<pid_t, orphan> orphans_;             ///< Unreaped children that are no main process.
  std::map<pid_t, attempt_id> known_sessions_;  ///< Sessions that processes of an attempt made.
  children_list children_list_;
  std::vector<pid_t> children_;
  bool must_scan_ = true;
  std::int64_t next_look_us_ = 0; ///< For logs, orphans and survivors.
};

} // namespace muster::process
