#pragma once

#include "muster/base/ids.hpp"
#include "muster/base/time.hpp"
#include "muster/event/event.hpp"
#include "muster/state/status.hpp"

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

/// What a `group_machine` asks its owner to do. Effects are carried out in order.
namespace muster {

/// One task's attempt, within the group's workflow.
struct task_attempt {
  task_index task;
  std::uint32_t attempt = 0;

  friend constexpr bool operator==(task_attempt a, task_attempt b) noexcept {
    return a.task == b.task && a.attempt == b.attempt;
  }
};

/// What attempts of a group that are told to end are to become when they have: known to whoever takes the group up
/// after a restart, who sees no more than that they were killed.
struct stop_purpose {
  muster::status status = muster::status::unspecified; ///< RESCHEDULED: they run again.
  std::int32_t exit_code = no_exit_code; ///< `preempted_code` or `displaced_code` where the group leaves its places.
  std::string text;                      ///< For people.
  std::vector<task_attempt> attempts;
};

/// Clocks of a group.
enum class group_timer : std::uint8_t {
  exec = 1,    ///< Runs from RUNNING to the end of the group.
  queue = 2,   ///< Runs while the group waits for a place.
  start = 3,   ///< Runs from a lease, or from a retry, until all members run.
  backoff = 4, ///< Before the group asks for a place again.
  retry = 5,   ///< Before one member's next attempt is prepared.
};

/// Everything about effects of a group. See each for what the owner must do.
namespace effect {

/// Journal this status of an attempt; no answer is awaited. The owner adds lease, node and address from INITIALIZING
/// on.
struct record_task {
  task_attempt who;
  muster::status status = muster::status::unspecified;
  std::int32_t exit_code = no_exit_code;
  std::string text;
};

/// Journal this status of the group. Only for groups of two or more.
struct record_group {
  muster::status status = muster::status::unspecified;
  std::string text;
};

/// Journal these new attempts as PROCESSING and, once that is committed, call `intent_committed(ticket)`.
struct commit_intent {
  std::uint32_t ticket = 0;
  std::vector<task_attempt> attempts;
};

/// Ask the pool for a place for the members named (all unfinished ones), all or none. Answer with `placed`, `must_wait`
/// or `cannot_place`, with this ticket. With `restore`, members run already on the nodes and addresses recorded: the
/// pool must book them there, whatever is free, and answer `placed`.
struct ask_place {
  std::uint32_t ticket = 0;
  bool restore = false;
  std::vector<task_index> members;
  duration waited{}; ///< What it had waited for a place when it was taken up, if it has had none since.
};

/// Give up what the pool holds for this group: its lease, or its place in the queue, or a lease whose message is still
/// on its way.
struct release {};

/// Call the driver's `prepare`; answer with `prepared`. With `then_start` the attempt waits for nobody and is started
/// as soon as it is prepared: answer with `started`, or with `prepared` and why it failed. With `ahead` as well it
/// waits for the end of the attempt whose place it will have, or for `start`, whichever comes first.
struct prepare {
  task_attempt who;
  bool then_start = false;
  bool ahead = false;
};

/// Call the driver's `start`; answer with `started`, later `exited` or `lost`. One that was prepared `ahead` may have
/// been started already.
struct start {
  task_attempt who;
};

/// Journal what attempts are told to end for, in place of what was noted before. Every `stop` that follows waits until
/// that is committed, with the records before it; or until that turns out to be impossible.
struct note_stop {
  stop_purpose what;
};

/// Call the driver's `stop`; `exited` or `lost` follows, or `prepared` with any outcome for an attempt that was still
/// being prepared (a failure, if it would have been started at once). May come a second time with a shorter grace. No
/// grace at all means that the end is forced: what cannot be reached is given up.
struct stop {
  task_attempt who;
  duration grace{};
};

/// Call the driver's `remove`. With `ran` the attempt was started and has ended: only once the records that came before
/// are committed, for a driver that has forgotten an attempt would start it again. Without, it was prepared or was
/// being prepared and will not be started: at once, for it may be prepared again later.
struct remove {
  task_attempt who;
  bool ran = false;
};

/// Call `timer_fired(timer, generation, task)` after `delay`. `task` matters for `retry` only.
struct set_timer {
  group_timer timer = group_timer::exec;
  std::uint32_t generation = 0;
  task_index task;
  duration delay{};
};

/// That timer is not needed any more. A firing that is on its way already is ignored, so this saves memory only.
struct cancel_timer {
  group_timer timer = group_timer::exec;
  std::uint32_t generation = 0;
  task_index task;
};

/// The group has ended: nothing of it runs, its lease is released, its status is recorded. The last effect ever.
struct finished {
  muster::status status = muster::status::unspecified;
  std::string text;
};

} // namespace effect

/// One thing to do.
using group_effect = std::variant<effect::record_task, effect::record_group, effect::commit_intent, effect::ask_place,
                                  effect::release, effect::prepare, effect::start, effect::note_stop, effect::stop,
                                  effect::remove, effect::set_timer, effect::cancel_timer, effect::finished>;

/// Things to do, in this order.
using group_effects = std::vector<group_effect>;

} // namespace muster
