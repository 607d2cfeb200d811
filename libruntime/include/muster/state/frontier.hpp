#pragma once

#include "muster/base/ids.hpp"
#include "muster/plan/plan.hpp"
#include "muster/state/aggregate.hpp"
#include "muster/state/status.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace muster {

struct rebuilt_frontier;

/// How far a workflow has come: which groups may begin, which can no more, and what the workflow's status is.
/// A group costs five bytes here while it waits. Nothing is recorded or started: callers do that.
class frontier {
public:
  /// A workflow of which nothing has happened yet: its roots are ready. `source` is all of it, no later chunk.
  explicit frontier(std::shared_ptr<const plan> source);

  /// Takes up a workflow where the record left it. `source` likewise. `recorded` holds one status per group of the plan
  /// (`status::unspecified` counts as WAITING); see `recorded_group_status` for groups of one.
  [[nodiscard]] static rebuilt_frontier rebuild(std::shared_ptr<const plan> source,
                                                const std::vector<status>& recorded);

  /// Takes the next ready group out of the queue, oldest first: it is admitted. Nothing when none is ready.
  [[nodiscard]] std::optional<group_index> pop_ready();
  /// How many groups are ready and not admitted.
  [[nodiscard]] std::size_t ready_count() const noexcept { return ready_.size() - next_ready_; }

  /// An admitted group's status changed and is not final. Older statuses than the known one are ignored.
  void on_group_status(group_index g, status s);

  /// An admitted group has ended. Groups whose last open upstream this was become ready; if it failed, returns the
  /// groups that are FAILED_UPSTREAM by it, nearest first, for the caller to record. Said twice, the second is ignored.
  [[nodiscard]] std::vector<group_index> on_group_finished(group_index g, status s);

  /// Ends every group that is not admitted: returns those, FAILED_CANCELED from here on. Admitted groups are canceled
  /// by their own machines and reported by `on_group_finished` as ever.
  [[nodiscard]] std::vector<group_index> cancel();

  /// What is known of a group; WAITING until it is ready, PROCESSING from then on.
  [[nodiscard]] status group_status(group_index g) const noexcept { return statuses_[g.value]; }
  /// True when every group has ended.
  [[nodiscard]] bool done() const noexcept { return counts_.unfinished() == 0; }
  /// By the rule of `aggregate_workflow`; once RUNNING never PENDING again.
  [[nodiscard]] status workflow_status() const noexcept;
  [[nodiscard]] const status_counts& counts() const noexcept { return counts_; }

private:
  void set(group_index g, status s);
  void make_ready(group_index g);
  void fail_downstream(group_index g, std::vector<group_index>& failed);

  std::shared_ptr<const plan> plan_;
  std::vector<std::uint32_t> open_; ///< Per group, upstream groups that are not COMPLETED.
  std::vector<status> statuses_;
  std::vector<group_index> ready_;
  std::size_t next_ready_ = 0;
  status_counts counts_;
  bool was_running_ = false;
};

/// What `frontier::rebuild` found.
struct rebuilt_frontier {
  frontier front;
  /// Groups that had begun (beyond WAITING) and have not ended: they count as admitted; their attempts must be adopted.
  std::vector<group_index> begun;
  /// Groups that are FAILED_UPSTREAM by the record, but are not recorded as such.
  std::vector<group_index> upstream_failed;
};

} // namespace muster
