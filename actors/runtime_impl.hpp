#pragma once

#include "actors/ask.hpp"
#include "actors/ended_workflows.hpp"
#include "actors/mailbox_meter.hpp"
#include "actors/pool_set.hpp"
#include "actors/protocol/monitor.hpp"
#include "actors/protocol/type_ids.hpp"
#include "actors/runtime.hpp"
#include "actors/store_health.hpp"
#include "actors/system_config.hpp"
#include "muster/store/layout.hpp"
#include "muster/store/reader.hpp"
#include "muster/store/writer.hpp"

#include <caf/all.hpp>

#include <atomic>
#include <future>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>

namespace muster {

struct stored_workflow;

/// Owns the actor system and the long-lived actors; ends them in order.
class runtime::impl {
public:
  /// `recorded_until`: see there.
  impl(runtime_config config, store::state_directory directory, store::writer writer, std::unique_ptr<pool_set> pools,
       timestamp recorded_until);
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;
  ~impl();

  void set_limits(const runtime_limits& x);
  [[nodiscard]] result<void> set_policy(const std::string& pool, const config::pool_policy& policy);
  [[nodiscard]] result<policy_in_force> edit_policy(const std::string& pool, const policy_edit& edit);
  [[nodiscard]] result<void> make_pool(new_pool x);
  [[nodiscard]] result<void> remove_pool(const std::string& name);
  void subscribe(event_handler handler);
  [[nodiscard]] result<pool_view> pool(const std::string& name, std::optional<std::chrono::milliseconds> limit);
  [[nodiscard]] result<std::vector<pool_view>> pools(std::optional<std::chrono::milliseconds> limit);
  [[nodiscard]] result<std::vector<std::string>> check(const spec::workflow& workflow, const std::string& pool,
                                                       const submission_terms& terms);
  [[nodiscard]] result<std::vector<group_wait>> why_waiting(workflow_key workflow,
                                                            const std::vector<group_index>& groups,
                                                            std::optional<std::chrono::milliseconds> limit);
  [[nodiscard]] result<accepted_workflow> submit(const spec::workflow& workflow, submission_info info);
  [[nodiscard]] result<accepted_workflow> resume(const std::string& id);
  [[nodiscard]] result<recovery_report> recover(const recovery_handler& on_progress);
  [[nodiscard]] std::string why_held(workflow_key workflow);
  /// Whether it waits for nothing that comes by itself.
  [[nodiscard]] bool is_held_for_good(workflow_key workflow);
  [[nodiscard]] result<accepted_workflow> retry(const std::string& id, const retry_request& request);
  [[nodiscard]] result<void> cancel(workflow_key workflow, const std::string& message, bool force);
  [[nodiscard]] result<void> remove(const std::string& id, const std::string& text);
  [[nodiscard]] result<std::int64_t> record(store::service_change x);
  void note(store::service_change x);
  [[nodiscard]] muster::measures measures() const;
  [[nodiscard]] result<std::uint16_t> publish_monitors(const std::string& address, std::uint16_t port,
                                                       monitor_admission admit);
  void between_connections(const std::function<void()>& what);
  [[nodiscard]] result<std::uint16_t> publish_agents(const std::string& address, std::uint16_t port,
                                                     node_admission admit);
  [[nodiscard]] result<std::vector<std::string>> nodes_met();
  [[nodiscard]] result<void> assign_node(const node_assignment& x);
  [[nodiscard]] result<std::uint64_t> remove_node(const std::string& node, bool force);
  void stop_admitting() { admitting_ = false; }
  [[nodiscard]] ended_workflows& ended() noexcept { return ended_; }

private:
  [[nodiscard]] std::string pool_of_agent(const std::string& node, const std::string& memory) const;
  [[nodiscard]] result<std::optional<agent::fleet_actor>> fleet_of(const std::string& node);
  /// The right to take up or retry a workflow: one at a time has it.
  class claim {
  public:
    claim(impl& owner, workflow_key key) : owner_(&owner), key_(key) {}
    claim(claim&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)), key_(other.key_) {}
    claim& operator=(claim&&) = delete;
    ~claim();

  private:
    impl* owner_;
    workflow_key key_;
  };

  /// Why a workflow is not live.
  struct held_workflow {
    std::string id;
    std::string pool; ///< Whose return it waits for; empty if trying again would change nothing.
    std::string why;
  };

  /// What `submit` has to know of a workflow before it is stored.
  struct admission {
    pool_set::entry_ptr pool;
    std::string driver;               ///< Of the pool, as of `driver_names`.
    pool_users::stay keeps_pool;      ///< Null for `check`, which may find that it is gone.
    std::optional<spec::workflow> as; ///< What is to be run, if the pool's rules add to what was submitted.
    node_amounts at_least;
    std::vector<std::string> notes;
  };

  template <class Result, class Target, class... Args>
  [[nodiscard]] result<Result> ask(const Target& target, const Args&... args) {
    return muster::ask<Result>(system_, answer_limit_, target, args...);
  }

  [[nodiscard]] result<void> may_admit() const;
  [[nodiscard]] result<pool_set::entry_ptr> pool_named(const std::string& name) const;
  [[nodiscard]] result<pool_users::stay> stay_in(const pool_set::entry& pool) const;
  [[nodiscard]] result<pool_view> view_of(const pool_set::entry& pool, std::chrono::milliseconds limit);
  [[nodiscard]] result<void> may_change_pools();
  [[nodiscard]] result<void> change_pools(store::service_change x, std::function<result<void>()> then);
  [[nodiscard]] result<void> check_unfinished(const std::string& pool) const;
  template <class Gate>
  [[nodiscard]] caf::io::middleman_actor door_of();
  template <class Gate>
  [[nodiscard]] result<std::uint16_t> publish(Gate& gate, const std::string& what, const std::string& address,
                                              std::uint16_t port);
  template <class Gate>
  void unpublish(Gate& gate);
  [[nodiscard]] result<admission> admit(const spec::workflow& workflow, const std::string& pool, bool to_store);
  [[nodiscard]] result<claim> take_claim(const store::workflow_record& record);
  void wait_for_claim(workflow_key key);
  [[nodiscard]] static result<void> check_driver(const stored_workflow& stored, const store::workflow_record& record,
                                                 const std::string& pool, const std::string& driver);
  static void book(const stored_workflow& x, const pool_actor& pool);
  /// What becomes of attempts that are recorded and have not ended.
  enum class open_attempts : std::uint8_t { are_asked_for, are_given_up };
  [[nodiscard]] result<accepted_workflow> take_up(store::reader& from, const store::workflow_record& record,
                                                  open_attempts which);
  [[nodiscard]] result<void> cancel_held(workflow_key workflow, const std::string& message);
  void recover_one(store::reader& from, const std::string& id, recovery_report& into, std::mutex& guard);
  [[nodiscard]] recovery_report recover_these(const std::vector<std::string>& ids, const recovery_handler& on_progress);
  void watch_mailboxes();
  [[nodiscard]] bool look_after_pools();
  void take_up_held();
  void hold(const store::workflow_record& record, const std::string& pool, const std::string& why);
  void hold_for_pool(const store::workflow_record& record, const std::string& pool, const std::string& why);
  /// What was noted of why it is held, which it is no more.
  [[nodiscard]] std::optional<held_workflow> let_go(workflow_key workflow);

  // Before the actors, which use them until they have ended.
  store::state_directory directory_;
  ended_workflows ended_;
  const std::chrono::milliseconds answer_limit_;
  std::atomic<bool> admitting_{true};
  std::shared_ptr<store_health> health_;
  std::shared_ptr<meters> counted_ = std::make_shared<meters>();
  presence actors_of_workflows_;
  std::mutex pools_mutex_;                 ///< For changes of pools and policies; each waits for the store.
  std::future<result<void>> pools_change_; ///< The last one, if it was not answered in time.
  std::mutex mutex_;
  group_policy policy_; ///< Of workflows that are taken up from now on.
  timestamp recorded_until_;
  std::condition_variable unclaimed_;
  std::set<workflow_key> claimed_;
  std::unordered_map<workflow_key, held_workflow> held_;

  /// The CACHE reads files, which may take long.
  std::shared_ptr<std::atomic<bool>> stopping_ = std::make_shared<std::atomic<bool>>(false);
  system_config configuration_;
  const bool takes_monitors_;
  const bool can_edit_policies_;
  const std::uint32_t max_parallel_of_made_;
  const std::vector<std::string> reserved_pools_;
  caf::actor_system system_;
  std::unique_ptr<pool_set> pools_;
  event_hub_actor hub_;
  journal_writer_actor journal_writer_;
  journal_actor journal_;
  clock_actor clock_;
  cache_actor cache_;
  registry_actor registry_;
  prober_actor prober_;
  std::vector<std::shared_ptr<mailbox_gauge>> mailboxes_;
  mailbox_meter_actor mailbox_meter_;
  caf::io::middleman_actor door_; ///< For agents; null where what they say is not encrypted.
  monitor::gate_actor gate_;      ///< Null until it is published.
  agent::gate_actor agents_gate_; ///< Likewise.
  agent::end_permit agents_gate_may_end_ = std::make_shared<std::atomic<bool>>(false);
};

} // namespace muster
