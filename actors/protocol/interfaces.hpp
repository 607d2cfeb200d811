#pragma once

#include "actors/protocol/atoms.hpp"
#include "actors/protocol/messages.hpp"

#include <caf/actor.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

/// The interface of every actor. Unless a comment says otherwise a message may come twice without harm: handlers know
/// what they have done by its attempt, epoch or generation.
namespace muster {

/// What all actors are that live as long as the runtime, and that many send to.
using measured_actor = caf::typed_actor<
    /// From the MAILBOX METER: how many messages wait behind this one?
    caf::replies_to<measure_atom>::with<std::uint64_t>>;

// -- EVENT HUB -------------------------------------------------------------------------------------------------------

using event_hub_actor = measured_actor::extend<
    /// From the JOURNAL: these events are committed. In order, without gaps.
    caf::reacts_to<publish_atom, event_batch>,
    /// From the facade: hand every later batch to this subscriber.
    caf::reacts_to<subscr_atom, event_subscriber>>;

// -- JOURNAL ---------------------------------------------------------------------------------------------------------

using journal_actor = measured_actor::extend<
    /// From GROUP and WORKFLOW: record these facts in this order; answered with the last sequence once they are
    /// durable.
    caf::replies_to<commit_atom, event_list>::with<sequence>,
    /// The same for who can wait: answered with the next commit, at the latest after `journal_state::patience`.
    caf::replies_to<settle_atom, event_list>::with<sequence>,
    /// The same without an answer, for facts that nobody waits for.
    caf::reacts_to<record_atom, event_list>,
    /// From WORKFLOW: more groups of it, ahead of all facts about them that it or its GROUPs send later.
    caf::reacts_to<grow_atom, growth_ptr>,
    /// From the CACHE: what may serve again; answered with the next commit.
    caf::replies_to<settle_atom, cache_change_ptr>::with<sequence>,
    /// From the facade: a change of what the service keeps beside workflows; answered once it is durable. May not be
    /// sent twice.
    caf::replies_to<commit_atom, service_change_ptr>::with<service_answer>,
    /// The same without an answer, with the next commit.
    caf::reacts_to<record_atom, service_change_ptr>,
    /// From the REGISTRY: a new workflow; answered once it is durable.
    caf::replies_to<submit_atom, submission_ptr>::with<accepted>,
    /// INTERNAL: everything that was in the mailbox before this is gathered; pass it on, unless that batch, counted
    /// from 0, has gone already.
    caf::reacts_to<internal_atom, flush_atom, std::uint64_t>>;

// -- JOURNAL WRITER --------------------------------------------------------------------------------------------------

using journal_writer_actor = caf::typed_actor<
    /// From the JOURNAL: write this in one transaction; answered once it is durable, or with why it is not. Not to be
    /// sent twice.
    caf::replies_to<commit_atom, journal_batch_ptr>::with<journal_answers_ptr>>;

// -- TASK ------------------------------------------------------------------------------------------------------------

using task_actor = caf::typed_actor<
    /// From the GROUP: make this attempt ready at this place.
    caf::reacts_to<prepare_atom, std::uint32_t, bool, epoch, placed_member, peer_map>,
    /// From the GROUP: start it; the attempt was prepared.
    caf::reacts_to<start_atom, std::uint32_t>,
    /// From the GROUP: end it, with this grace in milliseconds.
    caf::reacts_to<stop_atom, std::uint32_t, std::uint32_t>,
    /// From the GROUP: it has ended and is COMPLETED; its output becomes the task's.
    caf::reacts_to<publish_atom, std::uint32_t>,
    /// From the GROUP: its end is durable, or it will not be started; nothing of it is needed any more.
    caf::reacts_to<remove_atom, std::uint32_t>,
    /// From the GROUP after a restart: this attempt was adopted; reports of it are to come here.
    caf::reacts_to<watch_atom, std::uint32_t, epoch, placed_member>,
    /// From the EXECUTOR: what became of an attempt. Passed on to the GROUP.
    caf::reacts_to<report_atom, attempt_report>>;

// -- EXECUTOR --------------------------------------------------------------------------------------------------------

using executor_actor = measured_actor::extend<
    /// From a TASK: prepare, and report to it from now on.
    caf::reacts_to<prepare_atom, attempt_spec_ptr, task_actor>,
    /// From a TASK: reports of this attempt are to go to it; those that came before are delivered now.
    caf::reacts_to<watch_atom, attempt_id, task_actor>,
    /// From a TASK: as the functions of `driver`, in this order. Grace in milliseconds.
    caf::reacts_to<start_atom, attempt_id>, caf::reacts_to<stop_atom, attempt_id, std::uint32_t>,
    caf::reacts_to<publish_atom, attempt_id>, caf::reacts_to<remove_atom, attempt_id>,
    /// INTERNAL, from the driver's thread.
    caf::reacts_to<report_atom, report_list>>;

// -- CACHE -----------------------------------------------------------------------------------------------------------

using cache_actor = measured_actor::extend<
    /// From a CACHED GROUP: is this task to be run, or is there one like it? Not to be sent twice: who is told to run
    /// it has to say how it ended.
    caf::replies_to<check_atom, cache_question_ptr>::with<cache_answer_ptr>,
    /// From a CACHED GROUP: answered when the task of this key that runs has ended, at once if there is none.
    caf::replies_to<watch_atom, std::string>::with<sequence>,
    /// From what watches its run: it has ended.
    caf::reacts_to<finished_atom, cache_end_ptr>,
    /// From a CACHED GROUP: make what lies in this attempt's folder the task's output; answered when it is.
    caf::replies_to<publish_atom, std::string>::with<sequence>>;

// -- GROUP -----------------------------------------------------------------------------------------------------------

using group_actor = caf::typed_actor<
    /// From the POOL, each with the ticket of the request: all members have a place. For a member alone it may come
    /// twice: with a place that is not free yet, and with the same lease when it is.
    caf::reacts_to<placed_atom, std::uint32_t, lease>,
    /// It must wait, and for what. Said again when the reason changes.
    caf::reacts_to<delayed_atom, std::uint32_t, std::string>,
    /// The request was dropped, and why.
    caf::reacts_to<refused_atom, std::uint32_t, refusal>,
    /// Its lease is needed for others, and what for: its places are to be given up soon.
    caf::reacts_to<stop_atom, std::uint32_t, std::string>,
    /// From a TASK: what became of an attempt.
    caf::reacts_to<report_atom, attempt_report>,
    /// From the WORKFLOW: end as FAILED_CANCELED; true to kill at once.
    caf::reacts_to<cancel_atom, std::string, bool>,
    /// From the CLOCK: a timer of the group machine: its kind, generation and task.
    caf::reacts_to<timer_atom, std::uint8_t, std::uint32_t, task_index>>;

// -- CLOCK -----------------------------------------------------------------------------------------------------------

/// Timers that can be taken back, which those of CAF cannot: a pending one would keep its GROUP in memory.
using clock_actor = measured_actor::extend<
    /// From a GROUP: send it `timer` with this kind, generation and task after this many microseconds. Generations are
    /// unique within a group.
    caf::reacts_to<set_atom, group_actor, std::uint8_t, std::uint32_t, task_index, std::int64_t>,
    /// From a GROUP: forget that generation. One that has fired already is ignored by the GROUP.
    caf::reacts_to<cancel_atom, std::uint64_t, std::uint32_t>,
    /// INTERNAL: the earliest timer may be due.
    caf::reacts_to<tick_atom>>;

// -- POOL ------------------------------------------------------------------------------------------------------------

using pool_actor = measured_actor::extend<
    /// From a NODE or the FLEET: a node joins, or is back under its name with what it offers now. Whoever holds places
    /// there keeps them.
    caf::reacts_to<join_atom, pool_node_ptr>,
    /// From the FLEET: the condition of a node has changed, and why. One that is not known is ignored; what waits to be
    /// booked on one that is `gone` is refused.
    caf::reacts_to<set_atom, std::string, node_condition, std::string>,
    /// From the facade: other rules from now on. Whoever holds places keeps them; who waits is judged anew, and refused
    /// if it has no right to any place.
    caf::reacts_to<set_atom, pool_rules_ptr>,
    /// From the FLEET: whoever holds places on this node is to give them up, for this reason, and asks for others. So
    /// it stays until the node takes gangs again.
    caf::reacts_to<release_atom, std::string, std::string>,
    /// From the PROBER: there is no node yet, and why. What is asked for meanwhile waits with that reason.
    caf::reacts_to<delayed_atom, std::string>,
    /// From the facade: nothing may be placed for now, by whose wish and why; from that side it may again.
    caf::reacts_to<stop_atom, std::string, std::string>, caf::reacts_to<start_atom, std::string>,
    /// From the facade: how is it?
    caf::replies_to<report_atom>::with<pool_view_ptr>,
    /// From the REGISTRY: take the head's own machine for at least as large as this; could every gang of the plan then
    /// be placed on an empty pool, on these terms? Answered with reasons; empty if so, or if there is no node yet.
    caf::replies_to<check_atom, plan_ptr, node_amounts, workflow_terms>::with<std::vector<std::string>>,
    /// From the facade: why do these groups of a workflow wait? Answered as of now, for those that do.
    caf::replies_to<check_atom, workflow_key, std::vector<group_index>>::with<wait_report_ptr>,
    /// From a GROUP: a place for all of these members or none; answered with placed, delayed or refused, now or later.
    caf::reacts_to<place_atom, placement_request, plan_ptr, group_actor>,
    /// From the facade: this group will ask for what it holds; until then that is to be booked for it.
    caf::reacts_to<place_atom, placement_request, plan_ptr>,
    /// From a GROUP: what the pool holds for it is to be given up: its lease, its place in the queue, or both.
    caf::reacts_to<release_atom, workflow_key, group_index>,
    /// INTERNAL: may somebody have any node again who waits for others than some?
    caf::reacts_to<internal_atom, place_atom>,
    /// INTERNAL: should somebody make way for those who wait?
    caf::reacts_to<internal_atom, tick_atom>>;

// -- NODE ------------------------------------------------------------------------------------------------------------

using node_actor = caf::typed_actor<
    /// From the facade: offer this pool what the machine has; answered with the node's name when that is in the POOL's
    /// mailbox, ahead of any submission that asks what fits.
    caf::replies_to<join_atom, pool_actor>::with<std::string>>;

// -- PROBER ----------------------------------------------------------------------------------------------------------

using prober_actor = caf::typed_actor<
    /// From the facade: there is something to look after.
    caf::reacts_to<start_atom>,
    /// INTERNAL: it is time to try again.
    caf::reacts_to<tick_atom>>;

// -- MAILBOX METER ---------------------------------------------------------------------------------------------------

using mailbox_meter_actor = caf::typed_actor<
    /// INTERNAL: it is time to ask again.
    caf::reacts_to<tick_atom>>;

// -- WORKFLOW --------------------------------------------------------------------------------------------------------

using workflow_actor = caf::typed_actor<
    /// From a GROUP: it runs now.
    caf::reacts_to<running_atom, group_index>,
    /// From a GROUP: it is over, in this way. Once per group.
    caf::reacts_to<finished_atom, group_index, group_outcome>,
    /// From the REGISTRY: end as FAILED_CANCELED; true to kill at once. Answered once the request is durable;
    /// `conflict` if it has ended.
    caf::replies_to<cancel_atom, std::string, bool>::with<sequence>>;

// -- REGISTRY --------------------------------------------------------------------------------------------------------

using registry_actor = measured_actor::extend<
    /// From the facade: accept and start; answered once it is durable.
    caf::replies_to<submit_atom, submission_ptr>::with<accepted>,
    /// From the facade: take up a workflow that an earlier runtime left unfinished.
    caf::replies_to<resume_atom, accepted, plan_ptr, restore_ptr>::with<accepted>,
    /// From the facade: answered when this workflow is not live, or not any more.
    caf::replies_to<settle_atom, workflow_key>::with<sequence>,
    /// From the facade: as `cancel` of WORKFLOW.
    caf::replies_to<cancel_atom, workflow_key, std::string, bool>::with<sequence>,
    /// From a WORKFLOW: it is finished, and that is durable.
    caf::reacts_to<finished_atom, workflow_key, status>>;

} // namespace muster
