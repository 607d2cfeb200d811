#pragma once

#include "actors/pool.hpp"
#include "actors/pool_setup.hpp"
#include "muster/spec/model.hpp"

#include <caf/all.hpp>
#include <caf/scheduler/test_coordinator.hpp>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace muster::test {

/// A POOL and nothing else: the test plays its nodes and its groups, and turns its clock.
class pool_alone {
public:
  /// What a group was told by the POOL, as of now.
  struct group_double {
    std::optional<muster::lease> lease;
    std::string delayed; ///< Newest reason.
    std::optional<refusal> refused;
    std::string asked_to_leave; ///< Why, if it was.

    /// `node/address/gpus` of each member; empty without a lease.
    [[nodiscard]] std::vector<std::string> places() const;
    /// Names of the nodes, in the order of the members.
    [[nodiscard]] std::vector<std::string> nodes() const;
  };
  /// What a group asks for.
  struct request {
    std::uint32_t members = 1;
    spec::resource each; ///< By default one CPU.
    std::vector<placed_member> held{};
    gang_priority priority = gang_priority::normal;
    std::string user{};
    std::int64_t at_most = 0;
    std::chrono::milliseconds waited{};          ///< With an earlier head.
    std::map<std::string, std::string> labels{}; ///< Of the workflow.
    std::vector<std::string> avoid{};
    std::chrono::seconds avoid_for{};
  };

  /// A workflow of the one group that asks for this.
  [[nodiscard]] static plan_ptr layout_of(const request& what);
  /// Of a group: notes what it is told.
  [[nodiscard]] static group_actor::behavior_type listen(group_actor::pointer self, std::shared_ptr<group_double> told);

  explicit pool_alone(pool_config config = {});
  ~pool_alone();
  pool_alone(const pool_alone&) = delete;
  pool_alone& operator=(const pool_alone&) = delete;

  /// A node with that many CPUs and GPUs 0, 1, ..., and plenty of all else.
  [[nodiscard]] static pool_node make_node(const std::string& name, std::int64_t cpus, std::uint32_t gpus = 0);
  void join(pool_node x);
  void set(const std::string& node, node_condition x, const std::string& why = {});
  /// Whoever holds places there is to leave.
  void vacate(const std::string& node, const std::string& why);
  /// Group 0 of a new workflow asks; its number, and what it is told from now on.
  std::pair<std::int64_t, std::shared_ptr<group_double>> ask(const request& what);
  /// The same of a workflow with this number.
  std::shared_ptr<group_double> ask(std::int64_t workflow, const request& what);
  /// It will ask for what it holds.
  void expect(std::int64_t workflow, const request& what);
  void release(std::int64_t workflow);
  /// What a submission of such a group would be told.
  [[nodiscard]] std::vector<std::string> check(const request& what);
  [[nodiscard]] pool_view view();
  /// Why a group waits; nothing if it does not.
  [[nodiscard]] std::optional<group_wait> why(std::int64_t workflow);
  /// Other rules from now on.
  void rule(config::pool_policy policy, std::chrono::seconds leave_within = std::chrono::seconds{60});
  void pause(const std::string& why);
  void go_on();
  void advance(std::chrono::milliseconds x);
  /// The POOL itself.
  [[nodiscard]] const pool_actor& actor() const { return pool_; }
  [[nodiscard]] const caf::strong_actor_ptr& executor() const { return executor_; }

private:
  [[nodiscard]] static placement_request request_of(std::int64_t workflow, const request& what);
  void settle();

  std::unique_ptr<caf::actor_system_config> config_;
  std::unique_ptr<caf::actor_system> system_;
  caf::scheduler::test_coordinator* scheduler_ = nullptr;
  caf::strong_actor_ptr executor_;
  pool_actor pool_;
  std::vector<group_actor> groups_;
  std::optional<error> failure_;
};

} // namespace muster::test
