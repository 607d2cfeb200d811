#pragma once

#include "executors/driver.hpp"
#include "muster/base/ids.hpp"
#include "muster/base/result.hpp"
#include "muster/event/event.hpp"
#include "muster/placement/placement.hpp"
#include "muster/placement/queue_policy.hpp"
#include "muster/state/status.hpp"
#include "muster/store/service.hpp"

#include <caf/actor_control_block.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/meta/type_name.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

/// The structs that actors send each other. Those that may cross to another node have an `inspect`; the rest are for
/// the head alone and are marked unsafe to serialise at the end of this file.
namespace muster {

class plan;
struct cache_answer;
struct cache_end;
struct cache_question;
struct growth;
struct journal_answers;
struct journal_batch;
struct submission;
struct wait_report;
struct pool_node;
struct pool_rules;
struct pool_view;
struct workflow_restore;
namespace store {
struct cache_change;
}

/// Facts for the JOURNAL, in the order in which they are to be numbered.
struct event_list {
  std::vector<event> events;
};

/// Committed events on their way to subscribers.
using event_batch = std::shared_ptr<const std::vector<event>>;

/// Somebody outside the actors who wants committed events.
using event_subscriber = std::shared_ptr<const std::function<void(const std::vector<event>&)>>;

using plan_ptr = std::shared_ptr<const plan>;
/// See actors/journal.hpp and actors/workflow.hpp.
using journal_answers_ptr = std::shared_ptr<journal_answers>;
using journal_batch_ptr = std::shared_ptr<journal_batch>;
using growth_ptr = std::shared_ptr<const growth>;
using submission_ptr = std::shared_ptr<const submission>;
using restore_ptr = std::shared_ptr<workflow_restore>;
/// See actors/cache.hpp.
using cache_answer_ptr = std::shared_ptr<const cache_answer>;
using cache_end_ptr = std::shared_ptr<const cache_end>;
using cache_question_ptr = std::shared_ptr<const cache_question>;
using cache_change_ptr = std::shared_ptr<const store::cache_change>;
using service_change_ptr = std::shared_ptr<const store::service_change>;
/// See actors/pool_setup.hpp.
using pool_view_ptr = std::shared_ptr<const pool_view>;
/// See actors/pool_setup.hpp.
using pool_rules_ptr = std::shared_ptr<const pool_rules>;
/// See actors/pool_setup.hpp.
using wait_report_ptr = std::shared_ptr<const wait_report>;
using pool_node_ptr = std::shared_ptr<const pool_node>;
using attempt_spec_ptr = std::shared_ptr<const attempt_spec>;

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, exit_result& x) {
  return f(caf::meta::type_name("exit_result"), x.code, x.signal, x.out_of_memory, x.message, x.started, x.ended,
           x.result, x.result_problem);
}

/// What became of an attempt, as its driver tells it. Numbers are sent: they never change.
enum class report_kind : std::uint8_t {
  prepared = 1,       ///< It could start at once.
  prepare_failed = 2, ///< `problem` says why; nothing of it is left.
  started = 3,
  start_failed = 4, ///< `problem` says why; nothing of it is left but its log.
  exited = 5,       ///< `exit` says how.
  lost = 6,         ///< Nobody can tell; `exit.message` says what was tried.
  progress = 7,     ///< It is still being prepared; `exit.message` says what it waits for.
  displaced = 8,    ///< Its node is given up, it is fenced there; `exit.message` says why. Never sent by a node.
};

struct attempt_report {
  attempt_id id;
  report_kind kind = report_kind::prepared;
  ec problem = ec::none;
  exit_result exit; ///< Of `exited`; for the failures its message is for people.
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, attempt_report& x) {
  return f(caf::meta::type_name("attempt_report"), x.id, x.kind, x.problem, x.exit);
}

/// Reports that a driver made in one go, in order.
using report_list = std::vector<attempt_report>;

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, node_amounts& x) {
  return f(caf::meta::type_name("node_amounts"), x.cpu, x.memory, x.storage);
}

/// A machine of a pool, as it joins or is back.
struct pool_node {
  std::string name;
  caf::strong_actor_ptr executor; ///< The EXECUTOR that runs attempts there; may be that of other nodes as well.
  capabilities offered;
  std::string platform; ///< Empty: takes tasks for any platform.
  std::map<std::string, std::string> labels;
  /// Where other nodes reach its tasks: the address of its members, where they are in no network of that node's own.
  /// Empty: they get loopback addresses, or are in such a network.
  std::string address;
  std::vector<std::vector<std::uint32_t>> gpu_links; ///< As `node_state`.
  node_condition condition = node_condition::ready;
  std::string why; ///< It is in that condition; for people.
  /// It is the head's own machine: what was placed there is found again by its EXECUTOR alone, attempts may be started
  /// ahead there, and it is taken for larger where a gang of tasks that ask for nothing would not fit.
  bool is_local = false;
};

/// Where one member of a gang may run.
struct placed_member {
  std::string node;
  caf::strong_actor_ptr executor; ///< The EXECUTOR that is to run it.
  std::string address;
  std::vector<std::uint32_t> gpus;
  /// The place is that of another attempt still: free when that one has ended. Of workflow 0: it is free.
  attempt_id after{};
  /// It may be another's as soon as the attempt has run and has ended: somebody may have been promised it by then.
  bool hands_on = false;

  [[nodiscard]] bool is_free() const noexcept { return after.workflow.value == 0; }
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, placed_member& x) {
  return f(caf::meta::type_name("placed_member"), x.node, x.executor, x.address, x.gpus, x.after, x.hands_on);
}

/// The right of one gang to its places, in the order of the members that were asked for.
struct lease {
  epoch number;
  std::vector<placed_member> places;
  /// Nothing may be sent there before it is durable where: a later runtime could not find it.
  bool record_first = false;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, lease& x) {
  return f(caf::meta::type_name("lease"), x.number, x.places, x.record_first);
}

/// Why the POOL dropped a request.
struct refusal {
  ec code = ec::none;
  std::string message;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, refusal& x) {
  return f(caf::meta::type_name("refusal"), x.code, x.message);
}

/// On what terms the groups of a workflow ask for places.
struct workflow_terms {
  gang_priority priority = gang_priority::normal;
  std::string user; ///< Who submitted it.
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, workflow_terms& x) {
  return f(caf::meta::type_name("workflow_terms"), x.priority, x.user);
}

/// What a GROUP asks the POOL for.
struct placement_request {
  workflow_key workflow;
  group_index group;
  std::uint32_t ticket = 0; ///< Comes back with every answer.
  std::vector<task_index> members;
  std::vector<placed_member> held; ///< After a restart: where the members are already, to be booked whatever is free.
  /// Of a group of one: the attempt that asks; when it has run and ended the place is needed no more. Of workflow 0:
  /// that is not said.
  attempt_id last{};
  workflow_terms terms{};
  std::int64_t at_most = 0; ///< Seconds that the group can hold its places; 0 if that is not known.
  std::int64_t waited = 0;  ///< Milliseconds that it has waited already, with an earlier head.
  /// Nodes where its members could not be prepared: others come first for so many seconds, if it would fit them.
  std::vector<std::string> avoid{};
  std::int64_t avoid_for = 0;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, placement_request& x) {
  return f(caf::meta::type_name("placement_request"), x.workflow, x.group, x.ticket, x.members, x.held, x.last, x.terms,
           x.at_most, x.waited, x.avoid, x.avoid_for);
}

/// Task name -> address, of one group. Shared by its members.
using peer_map = std::shared_ptr<const std::map<std::string, std::string>>;

/// How a group ended.
struct group_outcome {
  muster::status status = muster::status::unspecified;
  std::vector<std::string> results; ///< One per member, in the order of the plan: JSON; empty for none.
  std::uint32_t last_attempt = 0;   ///< Of the first member.
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, group_outcome& x) {
  return f(caf::meta::type_name("group_outcome"), x.status, x.results, x.last_attempt);
}

/// What the REGISTRY answers to a submission.
struct accepted {
  workflow_key key;
  std::string id;
  bool is_replay = false; ///< It was accepted before, under the same key: there is nothing to start.
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, accepted& x) {
  return f(caf::meta::type_name("accepted"), x.key, x.id, x.is_replay);
}

/// What the JOURNAL answers to a change of what the service keeps.
struct service_answer {
  std::int64_t number = 0; ///< Of the row that was made, else how many were changed.
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, service_answer& x) {
  return f(caf::meta::type_name("service_answer"), x.number);
}

} // namespace muster

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::cache_answer_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::cache_change_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::cache_end_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::cache_question_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::event_list)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::event_batch)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::event_subscriber)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::plan_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::journal_answers_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::journal_batch_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::growth_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::service_change_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::submission_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::pool_node_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::pool_rules_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::pool_view_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::restore_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::attempt_spec_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::peer_map)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::wait_report_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::capabilities)
