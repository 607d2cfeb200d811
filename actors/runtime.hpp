#pragma once

#include "actors/link_certificates.hpp"
#include "actors/measures.hpp"
#include "actors/monitor_admission.hpp"
#include "actors/pool_setup.hpp"
#include "actors/recovery.hpp"
#include "muster/base/result.hpp"
#include "muster/base/time.hpp"
#include "muster/event/event.hpp"
#include "muster/placement/queue_policy.hpp"
#include "muster/spec/model.hpp"
#include "muster/store/service.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

/// The facade of the actors: what cli and gateway know of them. Plain C++ types; every member is thread-safe.
namespace muster {

namespace store {
class reader;
}

/// What of a runtime can be changed while it works.
struct runtime_limits {
  std::uint32_t max_retries = 3;                     ///< New attempts that RESCHEDULE may make per task.
  std::chrono::milliseconds stop_grace{10'000};      ///< Between the polite signal and the kill.
  duration exec_timeout{};                           ///< For specs that name none; 0 for none.
  duration queue_timeout{};                          ///< For specs that name none; 0 for none.
  duration start_timeout = std::chrono::minutes{30}; ///< From placement to RUNNING.
  std::uint64_t min_free = 0; ///< Bytes that the state directory's file system must have left for new work; 0 for any.
};

/// How a runtime on this machine is set up.
struct runtime_config : runtime_limits {
  std::filesystem::path state_directory;
  /// What `store::make_empty_store` gives, for a directory that has no store, if somebody sees to that already.
  std::future<result<std::string>> empty_store{};
  /// Where workflows run. Drivers are made by the caller.
  std::vector<pool_setup> pools;
  std::string default_pool; ///< Of workflows that name none; empty for the first one.
  /// A workflow that names a pool that is not here runs in the default one. Else it is refused.
  bool any_pool_name = true;
  /// `edit_policy`, `make_pool` and `remove_pool` may be called, and what was set counts, also of earlier runtimes.
  /// Else policies are as in `pools`.
  bool can_edit_policies = false;
  std::vector<std::string> reserved_pools; ///< Names that `make_pool` gives to none.
  std::uint32_t max_parallel_of_made = 0;  ///< As `pool_setup::max_parallel`, of pools that `make_pool` makes.
  probing probe_again{};                   ///< Of pools that are unavailable.
  std::uint32_t threads = 1;               ///< Of the actor scheduler.
  bool take_cached = true;   ///< Else tasks marked `cache` are run; what they give serves later ones all the same.
  bool with_network = false; ///< Ready for `publish_monitors` and `publish_agents`; costs a few threads.
  /// Else not for `publish_monitors`: connections that are all encrypted cost less.
  bool with_monitors = true;
  std::optional<link_certificates> agent_certificates{}; ///< Set: agents connect encrypted, monitors as ever.
  std::chrono::milliseconds answer_limit{60'000}; ///< For each answer of an actor; `unavailable` when it has passed.
};

/// What is kept of a submission beside the workflow itself.
struct submission_info {
  std::string spec_text; ///< As the user wrote it.
  std::string profile;   ///< `muster` or `osmo`.
  std::string options;   ///< JSON of how it was submitted: values set, flags.
  std::string user{};    ///< Who submits; empty where nobody is told apart.
  /// Set: accepted once under this key; see `store::submission::once`.
  std::optional<store::idempotency_key> once{};
  std::string pool{}; ///< Where it is to run; empty: as the spec says.
  gang_priority priority = gang_priority::normal;
};

/// On what terms a workflow would ask for places.
struct submission_terms {
  gang_priority priority = gang_priority::normal;
  std::string user{};
};

/// A workflow that was accepted.
struct accepted_workflow {
  workflow_key key;
  std::string id;                   ///< `<name>-<n>`
  std::vector<std::string> notes;   ///< For the user: what was done about the spec that its author may not expect.
  std::optional<timestamp> since{}; ///< Of a retry: when it began. Unset: the submission is the beginning.
  bool is_replay = false;           ///< It was accepted before, under the same key.
};

/// What of a finished workflow is run once more.
struct retry_request {
  std::string from; ///< A step, as `train` or `mid.1.leaf.2`: it and all that depends on it, too. Empty: none.
};

/// How many tasks `runtime::retry` would run once more, at first; nothing is changed. Its errors.
[[nodiscard]] result<std::size_t> count_tasks_to_retry(store::reader& from, const std::string& id,
                                                       const retry_request& request);

/// What a stored workflow was submitted as, for `flow::differences`.
[[nodiscard]] result<std::string> submitted_outline(store::reader& from, const std::string& id);

/// Receives committed events in order, a batch at a time, on a thread of the runtime; must not block.
using event_handler = std::function<void(const std::vector<event>&)>;

/// Who wants to join as a node.
struct node_applicant {
  std::string node;
  std::string token;
  std::string certificate; ///< PEM, and what its key makes
  std::string signature;   ///< of this
  std::string statement;   ///< statement. Empty where the connection is not encrypted.
};
/// Whether somebody may; called on a thread of the runtime that may block for a short time.
using node_admission = std::function<result<void>(const node_applicant&)>;

/// What a node that an agent joined with is for.
struct node_assignment {
  std::string node;
  store::node_duty duty = store::node_duty::serving;
  std::string reason{};                ///< In the words of who decides.
  std::optional<timestamp> deadline{}; ///< Of `draining`: what still runs there then makes way.
};

/// Says what is to be set of a pool's policy over that of the configuration, as JSON (`config::patched`).
using policy_edit = std::function<result<std::string>(const policy_in_force& before)>;

/// A pool that is made while a runtime works.
struct new_pool {
  pool_setup setup;      ///< Its name and `agents`.
  std::string settings;  ///< What is kept of it; see `store::pool_record`.
  std::string set{"{}"}; ///< What is set of its policy, as in `policy_in_force`.
};

/// A running set of actors over one state directory. Many threads may call it at once; no call waits longer than
/// `runtime_config::answer_limit` for one answer of an actor, and few calls need more than one.
///
/// While the store has no room (disk full), what runs goes on and what it has to say is kept until there is room again;
/// whatever asks for something new (`submit`, `retry`, `cancel`, `record`) fails at once with `store_full`.
class runtime {
public:
  /// Opens the store, probes the executors, starts the actors. Fails with what the store reports, else with what a
  /// driver does. A store that is refused is the only thing that was touched.
  [[nodiscard]] static result<std::unique_ptr<runtime>> start(runtime_config config);

  /// Ends the actors in order. Tasks that run go on where the executor lets them; `resume` finds them again.
  ~runtime();
  runtime(const runtime&) = delete;
  runtime& operator=(const runtime&) = delete;

  /// Others from now on; workflows that are live keep the retries and times that they began with.
  void set_limits(const runtime_limits& x);

  /// By which rules a pool takes workflows and places groups from now on, as the configuration has it: what runs keeps
  /// its places, who waits is judged anew. Workflows that are live keep times and exit actions. `not_found` for a pool
  /// that is not here.
  [[nodiscard]] result<void> set_policy(const std::string& pool, const config::pool_policy& policy);

  /// Changes what is set of a pool's policy over that of the configuration, also after a restart; returns once that is
  /// durable, with what counts from then on. Edits come one after the other; what one answers is set, and its error is
  /// passed on. `unavailable` if the store has not answered in time: then it counts as soon as it is durable, and no
  /// other edit is taken before. `not_found` for a pool that is not here, `invalid_argument` for what is no policy,
  /// `unsupported` without `can_edit_policies`.
  [[nodiscard]] result<policy_in_force> edit_policy(const std::string& pool, const policy_edit& edit);

  /// Makes a pool that agents join, behind those that are there; returns once that is durable. That it is there after a
  /// restart is the caller's to see to (`store::reader::pools`, `pool_setup::is_made`). `conflict` if there is one of
  /// that name, if there are too many, or if agents cannot connect here: a runtime that was started for none may have
  /// given what they bring to its own pools. `unavailable` if the store has not answered in time: then it is made as
  /// soon as it is durable. `invalid_argument` for what is no policy, `unsupported` without `can_edit_policies`.
  [[nodiscard]] result<void> make_pool(new_pool x);

  /// Removes a pool that was made so; returns once that is durable. Workflows that are being submitted meanwhile are
  /// accepted before, or refused as where there is no such pool; likewise agents. `not_found` if there is none;
  /// `conflict` for one of the configuration, or while it has unfinished workflows or nodes; `unavailable` as above, or
  /// while it is being submitted to.
  [[nodiscard]] result<void> remove_pool(const std::string& name);

  /// Every event committed from now on goes to `handler`, until the runtime ends.
  void subscribe(event_handler handler);

  /// Why groups of an unfinished workflow wait for places, as of now: those of `groups` that do. `not_found` if there
  /// is no such workflow; nothing of one that is not live; `unavailable` if the pool does not answer within `limit`.
  [[nodiscard]] result<std::vector<group_wait>> why_waiting(workflow_key workflow,
                                                            const std::vector<group_index>& groups,
                                                            std::optional<std::chrono::milliseconds> limit = {}) const;

  /// How one pool is, as of now; likewise. `not_found` if there is none.
  [[nodiscard]] result<pool_view> pool(const std::string& name,
                                       std::optional<std::chrono::milliseconds> limit = {}) const;

  /// How all pools are, as of now, in the order of the configuration, and then of their making. `unavailable` if not
  /// all of them have answered within `limit`.
  [[nodiscard]] result<std::vector<pool_view>> pools(std::optional<std::chrono::milliseconds> limit = {}) const;

  /// What it has counted. Costs the same whatever runs and ran, and asks nobody.
  [[nodiscard]] muster::measures measures() const;

  /// Lets monitors in other processes connect (actors/protocol/monitor.hpp), at `address`, which should be of loopback
  /// because nothing is encrypted, and `port`, 0 for any: which it is. Without `admit` everybody sees everything. Fails
  /// with `unsupported` without `with_network` and `with_monitors`, `conflict` the second time, `io_error` for what
  /// cannot be bound.
  [[nodiscard]] result<std::uint16_t> publish_monitors(const std::string& address, std::uint16_t port,
                                                       monitor_admission admit = {});

  /// Lets agents of nodes join the pools that are set up for them (actors/protocol/agent.hpp), likewise. `not_found` if
  /// there is no such pool.
  [[nodiscard]] result<std::uint16_t> publish_agents(const std::string& address, std::uint16_t port,
                                                     node_admission admit);

  /// Runs `what` on the thread that takes agents' connections, so that none begins meanwhile: each looks whether the
  /// files of `agent_certificates` have changed. Returns when that is done; does nothing without a network.
  void between_connections(const std::function<void()>& what);

  /// The nodes whose agents are here and have said all that they hold, whether or not they are used yet.
  [[nodiscard]] result<std::vector<std::string>> nodes_met() const;

  /// From now on, also after a restart. Returns once that is durable. `not_found` for what is no node of an agent.
  [[nodiscard]] result<void> assign_node(const node_assignment& x);

  /// Strikes a node off that is gone for good. What it held is given up, and its gangs are placed elsewhere; how many
  /// attempts that were. What it remembers does not count any more: should it come back, it ends what it still runs.
  /// `conflict` while its agent is here; without `force` also while it has attempts and is not `lost`: it may be back.
  [[nodiscard]] result<std::uint64_t> remove_node(const std::string& node, bool force);

  /// Accepts a workflow and starts it; returns once that is durable. Refuses what can never be placed (`never_fits`)
  /// and what the executor or this build cannot do (`unsupported`), with all reasons in one message, one a line; a pool
  /// that is not here (`invalid_argument`, with those that are). In a pool that is unavailable it waits; what such a
  /// pool would have to permit is refused (`unavailable`). Nothing is admitted after `stop_admitting`.
  [[nodiscard]] result<accepted_workflow> submit(const spec::workflow& workflow, submission_info info);

  /// The checks of `submit`, without accepting anything: what it would note, or why it would refuse.
  [[nodiscard]] result<std::vector<std::string>> check(const spec::workflow& workflow, const std::string& pool,
                                                       const submission_terms& terms = {}) const;

  /// Takes up a workflow that an earlier runtime left unfinished. `not_found` if there is none, `conflict` if it is
  /// finished or already live here, `unavailable` if its pool is.
  [[nodiscard]] result<accepted_workflow> resume(const std::string& id);

  /// Takes up all workflows that earlier runtimes left unfinished, each as `resume`, several at once; blocks until all
  /// of them are looked at. Those whose pool is unavailable are taken up by themselves when it is there. Fails only if
  /// the store cannot be read.
  [[nodiscard]] result<recovery_report> recover(const recovery_handler& on_progress = {});

  /// Why an unfinished workflow is not live: its pool is unavailable, or it could not be taken up. Empty if it is, or
  /// if `recover` has not come to it.
  [[nodiscard]] std::string why_held(workflow_key workflow) const;

  /// From now on nothing is submitted, retried or resumed: `unavailable`. What is live goes on.
  void stop_admitting();

  /// Runs what did not complete of a finished workflow once more, under its id: attempts are numbered on. `not_found`
  /// if there is no such workflow or step, `conflict` if it has not finished, is retried already, or is COMPLETED and
  /// `request` names no step.
  [[nodiscard]] result<accepted_workflow> retry(const std::string& id, const retry_request& request);

  /// Ends a workflow: FAILED_CANCELED. Returns once the request is durable; the end is seen in the events. With `force`
  /// tasks are killed without grace; a second call may add it. `not_found` if there is no such workflow, `conflict` if
  /// it is finished. One that is not live is canceled when it is taken up.
  [[nodiscard]] result<void> cancel(workflow_key workflow, const std::string& message, bool force);

  /// Deletes a finished workflow: its rows, logs and outputs; its events stay as long as others. Returns once that is
  /// durable; its folder is in the trash of the state directory then, which RETENTION empties. `not_found`, or
  /// `conflict` if it has not finished or is being retried.
  [[nodiscard]] result<void> remove(const std::string& id, const std::string& text);

  /// Changes what the service keeps beside workflows, and returns once that is durable: the number of the row that was
  /// made, else how many were changed.
  [[nodiscard]] result<std::int64_t> record(store::service_change x);

  /// The same with the next commit, for changes that nobody waits for. A refusal is logged.
  void note(store::service_change x);

  /// Waits until the workflow is finished: its final status, or nothing at the deadline or if the runtime has failed.
  [[nodiscard]] std::optional<status> wait(workflow_key workflow,
                                           std::optional<std::chrono::steady_clock::time_point> deadline = {});

  /// Why the runtime cannot go on, if so: the store refuses to write, or a bug. What is durable stays so, tasks that
  /// run go on where the executor lets them, and a later runtime can resume.
  [[nodiscard]] std::optional<error> failure() const;

private:
  class impl;
  explicit runtime(std::unique_ptr<impl> x);
  std::unique_ptr<impl> impl_;
};

} // namespace muster
