#pragma once

#include "actors/measures.hpp"
#include "muster/event/event.hpp"
#include "muster/store/submission.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

/// Where actors count. All may be used from any thread.
namespace muster {

/// Counts values by range.
class histogram_meter {
public:
  /// `bounds` ascend.
  explicit histogram_meter(std::vector<double> bounds);

  void add(double value) noexcept;
  void add(std::chrono::nanoseconds x) noexcept { add(std::chrono::duration<double>(x).count()); }
  [[nodiscard]] histogram read() const;

  /// From a tenth of a millisecond to two hours.
  [[nodiscard]] static std::vector<double> seconds();
  /// From one to 100,000.
  [[nodiscard]] static std::vector<double> sizes();

private:
  std::vector<double> bounds_;
  std::vector<std::atomic<std::uint64_t>> counts_;
  std::atomic<std::int64_t> sum_{0}; ///< Millionths.
};

/// Of an EXECUTOR.
struct driver_meter {
  histogram_meter prepares{histogram_meter::seconds()};
  histogram_meter starts{histogram_meter::seconds()};
  std::atomic<std::uint64_t> prepares_failed{0};
  std::atomic<std::uint64_t> starts_failed{0};
  std::atomic<std::uint64_t> exits{0};
  std::atomic<std::uint64_t> lost{0};
  std::atomic<std::size_t> attempts{0};
};

/// Statuses of what is live, by committed events. Memory: a byte per task and group of live workflows.
class state_counter {
public:
  /// A workflow is stored, with these rows.
  void submitted(workflow_key key, const store::submission& rows);
  void grown(const store::growth& rows);
  /// A workflow is being taken up: the statuses of its groups and tasks, and which group each task is of. Ignored for
  /// one that is live.
  void taken_up(workflow_key key, status of_workflow, const std::vector<status>& groups,
                const std::vector<status>& tasks, const std::vector<group_index>& group_of);
  void happened(const event& x);
  void read(measures& into) const;

private:
  struct live_workflow {
    status now = status::pending;
    std::vector<status> groups;
    std::vector<status> tasks;
    std::vector<std::uint32_t> members; ///< Per group.
  };
  /// Counts by status, as an array.
  struct counts {
    std::array<std::uint64_t, 256> by{};
    void move(status from, status to, bool known) noexcept;
    [[nodiscard]] status_tally read() const;
  };

  void add(live_workflow& x, const std::vector<store::new_group>& groups, const std::vector<store::new_task>& tasks);
  void forget(const live_workflow& x);
  void group_is(live_workflow& x, group_index g, status to);

  mutable std::mutex mutex_;
  std::unordered_map<workflow_key, live_workflow> live_;
  counts workflows_, groups_, tasks_;       ///< Live and unfinished.
  counts to_workflow_, to_group_, to_task_; ///< Transitions.
  std::uint64_t submissions_ = 0;
  std::uint64_t events_ = 0;
};

/// What the MAILBOX METER knows of an actor.
struct mailbox_gauge {
  using clock = std::chrono::steady_clock;

  explicit mailbox_gauge(std::string actor) : name(std::move(actor)) {}
  void asked(clock::time_point now) noexcept { asked_at = now.time_since_epoch().count(); }
  void answered(std::uint64_t behind, clock::time_point now) noexcept;
  [[nodiscard]] mailbox_measures read(clock::time_point now) const;

  const std::string name;
  std::atomic<std::uint64_t> depth{0};
  std::atomic<clock::rep> wait{0};     ///< Of the last question that was answered.
  std::atomic<clock::rep> asked_at{0}; ///< When the one was asked that is not; 0 for none.
};

/// All of a runtime.
struct meters {
  histogram_meter queue_wait{histogram_meter::seconds()};
  histogram_meter barrier_wait{histogram_meter::seconds()};
  histogram_meter placement{histogram_meter::seconds()};
  histogram_meter commit_time{histogram_meter::seconds()};
  histogram_meter batch_size{histogram_meter::sizes()};
  std::atomic<std::size_t> subscribers{0};
  std::atomic<std::size_t> monitors{0};
  state_counter states;
};

/// What the operating system says of this process.
[[nodiscard]] process_measures measure_process();

} // namespace muster
