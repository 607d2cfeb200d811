#pragma once

#include "muster/base/result.hpp"
#include "muster/base/time.hpp"
#include "muster/store/layout.hpp"
#include "muster/store/reader.hpp"
#include "muster/store/retention.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

namespace muster {

class runtime;

/// How a RETENTION is set up.
struct retention_config {
  store::state_directory directory;
  store::retention_policy policy;
  std::chrono::milliseconds interval{300'000}; ///< Between looks at what may go.
  std::size_t piece = 2000;                    ///< Rows, or events, that one transaction removes.
  std::function<timestamp()> now{};            ///< Empty: the wall clock.
};

/// What one pass did.
struct retention_report {
  std::uint64_t measured = 0;  ///< Workflows.
  std::uint64_t workflows = 0; ///< Deleted.
  std::uint64_t events = 0;    ///< Removed.
  std::uint64_t folders = 0;   ///< Removed from disk.
};

/// Removes what need not be kept any more, on a thread of its own, piece by piece: all else goes on between two pieces.
/// What it leaves undone when it ends is done after the next start. `engine` must outlive it.
class retention {
public:
  retention(retention_config config, runtime& engine);
  /// Ends the thread after the piece that it is at.
  ~retention();
  retention(const retention&) = delete;
  retention& operator=(const retention&) = delete;

  /// Begins: a first pass at once, then one each `interval`.
  void start();

  /// A pass is due now, for example because somebody has deleted something. Any thread.
  void wake();

  /// Another policy from now on, and another interval if it is given.
  void set_policy(const store::retention_policy& policy, std::optional<std::chrono::milliseconds> interval = {});

  /// One pass, on the caller's thread; not while the thread of `start` lives. Fails with what the store says, and has
  /// done a part then.
  [[nodiscard]] result<retention_report> pass();

  /// Moves folders out of the way that belong to no workflow; how many. Only before anything is submitted.
  [[nodiscard]] result<std::uint64_t> find_orphans();

private:
  [[nodiscard]] store::retention_policy policy();
  [[nodiscard]] timestamp now() const;
  [[nodiscard]] result<bool> believes_clock(store::reader& from);
  [[nodiscard]] bool stopping();
  [[nodiscard]] result<void> measure(store::reader& from, retention_report& into);
  [[nodiscard]] result<void> remove_workflows(store::reader& from, const store::retention_policy& policy,
                                              retention_report& into);
  [[nodiscard]] result<void> remove_workflows(store::reader& from, const store::retention_policy& policy,
                                              retention_report& into, std::optional<std::int64_t>& row);
  /// Before the first workflow of a pass is deleted: the number of its row of the audit log, which all of them share.
  [[nodiscard]] result<std::int64_t> begin_row();
  [[nodiscard]] result<void> remove_events(store::reader& from, const store::retention_policy& policy,
                                           retention_report& into);
  [[nodiscard]] result<void> remove_rows(const store::retention_policy& policy, bool by_age);
  void empty_trash(retention_report& into);
  void run();

  const retention_config config_;
  runtime& engine_;
  std::mutex mutex_;
  std::condition_variable changed_;
  store::retention_policy policy_;
  std::chrono::milliseconds interval_;
  bool is_due_ = true;
  bool stopping_ = false;
  std::thread thread_;
  store::clock_judge clock_;       ///< Of the passes' thread.
  bool said_that_doubted_ = false; ///< Likewise.
};

} // namespace muster
