#pragma once

#include "machine.hpp"
#include "universe.hpp"
#include "workload.hpp"

#include "executors/driver.hpp"

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

namespace muster::simulation {

/// Stands between an EXECUTOR and the driver below it, and sees that no member of a gang with a barrier is started
/// before all of them were said to be prepared under the same lease. Those that ran before and are not wanted again do
/// not count.
class barrier_watch {
public:
  explicit barrier_watch(universe& all) : all_(all) {}

  void on_prepare(const attempt_spec& x) {
    if (x.group.rfind(barrier_prefix, 0) != 0)
      return;
    const auto group = x.workflow_id + '/' + x.group;
    attempts_[x.id] = {group, x.lease.value, x.peers.size()};
    leases_[{group, x.lease.value}].wanted.insert(x.id.task.value);
  }
  void on_prepared(attempt_id id) {
    if (const auto found = attempts_.find(id); found != attempts_.end())
      leases_[{found->second.group, found->second.lease}].ready.insert(id.task.value);
  }
  void on_start(attempt_id id) {
    const auto found = attempts_.find(id);
    if (found == attempts_.end())
      return;
    const auto& x = found->second;
    const auto& now = leases_[{x.group, x.lease}];
    auto good = now.ready.size();
    for (const auto task : ran_[{id.workflow.value, x.group}])
      good += now.wanted.count(task) == 0 ? 1U : 0U;
    if (good < x.members)
      all_.violate("attempt " + to_string(id) + " is told to start, and only " + std::to_string(good) + " of " +
                   std::to_string(x.members) + " members of its gang are prepared");
    ran_[{id.workflow.value, x.group}].insert(id.task.value);
  }
  /// It has ended, or nobody knows: its member may not be wanted again.
  void on_end(attempt_id id) {
    if (const auto found = attempts_.find(id); found != attempts_.end())
      ran_[{id.workflow.value, found->second.group}].insert(id.task.value);
  }

private:
  struct attempt {
    std::string group;
    std::uint64_t lease = 0;
    std::size_t members = 0;
  };
  struct lease {
    std::set<std::uint32_t> wanted;
    std::set<std::uint32_t> ready;
  };
  universe& all_;
  std::map<attempt_id, attempt, attempt_order> attempts_;
  std::map<std::pair<std::string, std::uint64_t>, lease> leases_;
  std::map<std::pair<std::int64_t, std::string>, std::set<std::uint32_t>> ran_; ///< Members, by group.
};

} // namespace muster::simulation
