#pragma once

#include "muster/base/ids.hpp"
#include "muster/base/result.hpp"
#include "muster/event/event.hpp"
#include "muster/store/layout.hpp"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace muster {

/// Which workflows have ended of late, for those who wait for an end, and whether the runtime has failed. From any
/// thread.
class ended_workflows {
public:
  explicit ended_workflows(store::state_directory directory) : directory_(std::move(directory)) {}

  using deadline = std::optional<std::chrono::steady_clock::time_point>;

  /// Takes notice of committed events.
  void note(const std::vector<event>& batch);
  /// The runtime cannot go on: nobody need wait any more.
  void fail(const error& why);
  [[nodiscard]] std::optional<error> failure() const;

  /// The final status; nothing at the deadline, or if the runtime has failed.
  [[nodiscard]] std::optional<status> wait(workflow_key workflow, deadline until);
  /// A retry of this workflow is about to be recorded.
  void expect_retry(workflow_key workflow);
  /// It was not.
  void forget_retry(workflow_key workflow);
  /// Until that was seen in the log, or the runtime has failed: an end before it is not the one to come.
  void wait_for_retry(workflow_key workflow);

private:
  /// How many ends are remembered; `wait` asks the store first.
  static constexpr std::size_t remembered = 1024;
  /// After which `wait` asks it again.
  static constexpr std::chrono::seconds patience{5};

  [[nodiscard]] std::optional<status> stored(workflow_key workflow) const;
  void remember(workflow_key workflow, status how);

  store::state_directory directory_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<error> failure_;
  std::unordered_map<workflow_key, status> ended_;
  std::deque<workflow_key> order_;
  std::unordered_set<workflow_key> expected_; ///< Retries that were not seen yet.
  workflow_key asked_;                        ///< For which `wait` has looked into the store.
};

} // namespace muster
