#pragma once

#include "muster/base/ids.hpp"
#include "muster/base/result.hpp"
#include "muster/base/time.hpp"
#include "muster/spec/model.hpp"
#include "muster/state/backoff.hpp"
#include "muster/state/group_effect.hpp"
#include "muster/state/status.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace muster {

/// What all groups of a workflow, or of a pool, have in common.
struct group_policy {
  std::optional<duration> exec_timeout;                            ///< Of a group, from RUNNING.
  std::optional<duration> queue_timeout;                           ///< Of a group, while it waits for a place.
  std::optional<duration> start_timeout{std::chrono::minutes{30}}; ///< From a lease until all members run.
  duration grace{std::chrono::seconds{30}};                        ///< Between a polite stop and a kill.
  std::uint32_t max_retries = 3; ///< Attempts after the first that RESCHEDULE may ask for.
  std::uint32_t max_tries = 5;   ///< Times a gang is placed and prepared before a transient error is final.
  backoff_policy backoff;
  std::vector<spec::exit_rule> exit_actions; ///< The pool's, for codes that no rule of the task holds.
  std::uint64_t seed = 0;                    ///< Of the random part of back-off.
};

/// One member as the machine needs it.
struct group_member {
  std::string name;
  std::vector<spec::exit_rule> exit_actions;
  std::uint32_t first_attempt = 0; ///< Its number; above 0 for a task that is run once more. Retries count from it.
};

/// One group as the machine needs it. Members are in the order of the plan: member 0 is task `first_task`.
struct group_setup {
  task_index first_task;
  std::uint32_t lead = 0; ///< Position of the lead among the members.
  bool barrier = true;
  bool ignore_nonlead_status = true;
  std::vector<group_member> members;
  std::shared_ptr<const group_policy> policy;
};

/// How an attempt ended, as far as its group cares.
struct attempt_exit {
  std::int32_t code = 0; ///< 128 + signal when a signal ended it.
  std::int32_t signal = 0;
  bool out_of_memory = false;
  std::string message;
};

/// What was found of an attempt that was recorded before a restart. Numbers are those of the drivers' `adoption`.
enum class found : std::uint8_t {
  nothing = 0,       ///< Not asked: no attempt is recorded, or it had ended.
  never_started = 1, ///< May be prepared and started under the same number.
  running = 2,       ///< Runs; `exited` follows.
  exited = 3,        ///< Ended meanwhile; `exited` follows.
  lost = 4,          ///< Was started; how it ended cannot be known.
  away = 5, ///< May run, or was never started: what it is shows when its machine is back. Treated as `running`.
};

/// Whether something of it may run, and its end follows.
[[nodiscard]] constexpr bool may_run(found x) noexcept {
  return x == found::running || x == found::exited || x == found::away;
}

/// OSMO's code for an attempt that had to make way for others; exit actions may name it.
constexpr std::int32_t preempted_code = 3006;
/// OSMO's code for an attempt whose backend failed: here one whose gang had to leave a node that was given up. No exit
/// action is asked.
constexpr std::int32_t displaced_code = 3001;

/// Whether an attempt that is recorded as RESCHEDULED with this code left its places to be placed again with its gang.
[[nodiscard]] constexpr bool has_left(std::int32_t code) noexcept {
  return code == preempted_code || code == displaced_code;
}
/// Whether it did, for this recorded reason, without being charged with a retry.
[[nodiscard]] bool has_left_free(std::int32_t code, std::string_view reason) noexcept;

/// A member as recorded before a restart.
struct recorded_member {
  std::uint32_t attempt = 0; ///< The newest.
  muster::status status =
      muster::status::unspecified; ///< Of that attempt; unspecified or WAITING if there is none yet.
  muster::found found = muster::found::nothing;
  std::uint32_t preemptions = 0; ///< Attempts before that left their places, and do not count as retries.
  std::int32_t left = 0;         ///< The attempt before left its places with this code, and this one has none yet.
};

/// How long a group was in a state before it was taken up; limits of time go on from there.
struct group_clocks {
  duration ran{};    ///< RUNNING.
  duration waited{}; ///< For a place, while there was somebody to give it; zero if it had one.
};

/// The life of one admitted group, from the intent to start its members until the last of them has ended; a pure state
/// machine. Each input returns what must be done about it, in order. Inputs may come late, twice, or for an attempt
/// that is over: those change nothing and are counted.
///
/// Promises, whatever the order of inputs: an attempt is started once, and after its intent is committed; a task has
/// one live attempt at most; with `barrier` no member starts before all are prepared; `finished` comes once, last, and
/// after every started attempt was seen to end or was lost; statuses never move backwards.
class group_machine {
public:
  /// `setup` has at least one member and a policy.
  explicit group_machine(group_setup setup);

  // -- inputs

  /// The upstream is done. Once, instead of `resume`.
  [[nodiscard]] group_effects begin();
  /// Takes up a recorded group: one entry per member. `stopping` is what was noted of attempts that were told to end,
  /// as `effect::note_stop` said last.
  [[nodiscard]] group_effects resume(const std::vector<recorded_member>& members, const group_clocks& clocks,
                                     const std::optional<stop_purpose>& stopping = {});
  [[nodiscard]] group_effects intent_committed(std::uint32_t ticket);
  /// All members asked for have a node, an address and GPU indices under this lease. The owner keeps those.
  [[nodiscard]] group_effects placed(std::uint32_t ticket, epoch lease);
  /// The only member will have the place of another attempt when that has ended, under this lease. It is prepared now
  /// and may be started by its driver from then on; `placed` with the same lease follows, before or after `started`.
  [[nodiscard]] group_effects placed_ahead(std::uint32_t ticket, epoch lease);
  /// The pool keeps the request; `reason` is for people.
  [[nodiscard]] group_effects must_wait(std::uint32_t ticket, std::string_view reason);
  /// The pool has dropped the request. Tried again if the error is transient, without end if it is `ec::unavailable`:
  /// nodes come and go, and nothing was tried; never if it is `ec::never_fits`.
  [[nodiscard]] group_effects cannot_place(std::uint32_t ticket, const error& why);
  [[nodiscard]] group_effects prepared(task_attempt who, const result<void>& outcome);
  /// What an attempt that is being prepared waits for; recorded as the reason of its INITIALIZING.
  [[nodiscard]] group_effects progressed(task_attempt who, std::string_view text);
  [[nodiscard]] group_effects started(task_attempt who, const result<void>& outcome);
  [[nodiscard]] group_effects exited(task_attempt who, const attempt_exit& how);
  [[nodiscard]] group_effects lost(task_attempt who, std::string_view why);
  [[nodiscard]] group_effects timer_fired(group_timer timer, std::uint32_t generation, task_index task);
  /// Ends the group as FAILED_CANCELED; with `force` without grace. Again with `force`: takes the grace away from what
  /// is being stopped, whatever for.
  [[nodiscard]] group_effects cancel(std::string_view message, bool force);

  /// The pool wants the lease back for a gang of higher priority: ends what runs, with grace, gives up the lease and
  /// asks for another one. Members begin new attempts, which do not count as retries, unless an exit action for
  /// `preempted_code` says otherwise: then it is applied, and a RESCHEDULE counts. `why` is for people. Ignored by a
  /// group that holds no lease, or is giving it up anyway.
  [[nodiscard]] group_effects preempt(std::string_view why);
  /// The node of an attempt is given up, and the attempt is fenced: whatever becomes of it there does not count. The
  /// whole group leaves its places as if it were preempted, and is placed again when all its attempts have ended or are
  /// given up. That counts as no retry, and no exit action changes it.
  [[nodiscard]] group_effects displaced(task_attempt who, std::string_view why);

  // -- what it is

  [[nodiscard]] bool done() const noexcept { return phase_ == phase::done; }
  [[nodiscard]] status group_status() const noexcept { return status_; }
  /// The epoch of the lease held; 0 for none.
  [[nodiscard]] epoch lease() const noexcept { return lease_; }
  [[nodiscard]] std::uint32_t member_count() const noexcept { return static_cast<std::uint32_t>(members_.size()); }
  /// The newest attempt of member `position`, and its status.
  [[nodiscard]] std::uint32_t attempt(std::uint32_t position) const noexcept { return members_[position].attempt; }
  [[nodiscard]] status member_status(std::uint32_t position) const noexcept { return members_[position].status; }
  /// Inputs that came too late or out of turn.
  [[nodiscard]] std::uint32_t ignored() const noexcept { return ignored_; }

private:
  enum class phase : std::uint8_t {
    fresh,  ///< Before `begin` or `resume`.
    intent, ///< The first intents are being committed.
    queued, ///< The pool has been asked for a place. Whoever is alone may be starting already: see `placed_ahead`.
    leased,
    rollback, ///< A prepare failed: waits for the other prepares before it lets go of the lease.
    vacating, ///< It leaves its places: waits for the ends of its attempts before it lets go of the lease.
    backoff,  ///< Waits before it asks again.
    done,
  };
  enum class stage : std::uint8_t { committing, idle, preparing, prepared, starting, running, ended };
  /// Why the member's attempt is being ended, if it is.
  enum class fate : std::uint8_t { none, restart, preempt, end };

  struct member {
    std::string name;
    std::vector<spec::exit_rule> exit_actions;
    std::uint32_t attempt = 0;
    std::uint32_t first_attempt = 0;
    std::uint32_t preemptions = 0; ///< Attempts that left their places, and do not count as retries.
    std::uint32_t ticket = 0;      ///< Of the intent being committed.
    std::uint32_t retry_timer = 0; ///< Generation; 0 for none.
    muster::status status = muster::status::unspecified;
    group_machine::stage stage = group_machine::stage::idle;
    group_machine::fate fate = group_machine::fate::none;
    bool stopping = false;
    bool unheard = false; ///< Taken up as starting: its node, which is away, has not said yet whether it ever did.
    bool asked = false;   ///< `prepare` has been asked for, since the lease.
  };

  [[nodiscard]] task_attempt who(const member& m) const noexcept;
  [[nodiscard]] bool is_lead(const member& m) const noexcept;
  [[nodiscard]] bool is_alone() const noexcept;
  [[nodiscard]] static std::uint32_t retries(const member& m) noexcept {
    return m.attempt - m.first_attempt - m.preemptions;
  }
  [[nodiscard]] bool is_ahead() const noexcept;
  [[nodiscard]] static bool live(const member& m) noexcept;
  [[nodiscard]] static bool open(const member& m) noexcept;
  [[nodiscard]] bool any_live() const noexcept;
  [[nodiscard]] member* find(task_attempt wanted) noexcept;
  [[nodiscard]] group_effects ignore() noexcept;

  // recording
  void record(member& m, status s, std::int32_t code, std::string why, group_effects& out);
  void record_group(status s, std::string why, group_effects& out);
  // timers
  void set_timer(group_timer timer, duration delay, group_effects& out);
  void cancel_timer(group_timer timer, group_effects& out);
  [[nodiscard]] std::uint32_t& generation(group_timer timer) noexcept;
  void settle_start(group_effects& out);
  [[nodiscard]] std::uint64_t seed() const noexcept;
  // the way to the start
  void commit(const std::vector<member*>& those, group_effects& out);
  void ask_place(bool restore, group_effects& out);
  void prepare_ready(group_effects& out);
  void leave_queue(epoch lease, group_effects& out);
  void start_ready(group_effects& out);
  // failures before the start
  void prepare_failed(member& m, const error& why, group_effects& out);
  void roll_back(member& cause, const error& why, group_effects& out);
  void settle_rollback(group_effects& out);
  void settle_vacating(group_effects& out);
  void vacate(std::string why, bool displaced, group_effects& out);
  void decide_preempted(member& m, group_effects& out);
  void leave(member& m, std::int32_t code, std::string why, bool free, group_effects& out);
  void give_up_places(group_effects& out);
  void let_go(group_effects& out);
  void back_off(group_effects& out);
  [[nodiscard]] duration rest_of_queue_timeout() const;
  // ends
  void forget(task_attempt who, group_effects& out) const;
  void decide(member& m, const attempt_exit& how, group_effects& out);
  void fulfil_fate(member& m, group_effects& out);
  void member_failed(member& m, const error& why, group_effects& out);
  void member_ended(member& m, status s, std::int32_t code, const std::string& why, group_effects& out);
  void apply_lead_rule(member& m, const std::string& why, group_effects& out);
  void reschedule(member& m, std::int32_t code, std::string why, group_effects& out);
  void restart_others(const member& cause, group_effects& out);
  void next_attempt(member& m, duration delay, group_effects& out);
  void end_all(status members, status group, std::string why, group_effects& out);
  void end_member(member& m, group_effects& out);
  void note_stop(stop_purpose what, fate of, group_effects& out) const;
  void stop(member& m, duration within, group_effects& out);
  [[nodiscard]] duration grace() const noexcept;
  void abandon_prepares(group_effects& out);
  void finish_if_ended(group_effects& out);
  // resume
  [[nodiscard]] static bool resume_member(member& m, const recorded_member& known);
  void resume_status(const std::vector<recorded_member>& recorded, group_effects& out);
  void resume_rules(const stop_purpose* stopping, group_effects& out);
  void resume_leaving(const std::vector<recorded_member>& recorded, const stop_purpose* stopping, group_effects& out);
  void resume_restart(const stop_purpose& stopping, group_effects& out);
  [[nodiscard]] bool was_told_to_end(const member& m, const stop_purpose& by) const;
  [[nodiscard]] bool is_half_started(const std::vector<recorded_member>& recorded) const;

  std::vector<member> members_;
  std::shared_ptr<const group_policy> policy_;
  std::string end_text_;   ///< Of members that are ended by the group.
  std::string leaving_;    ///< Of members that leave their places.
  std::string group_text_; ///< Of the group, if another.
  epoch lease_;
  duration waited_{}; ///< For a place, when it was taken up; zero once it has had one.
  task_index first_task_;
  std::uint32_t lead_ = 0;
  std::uint32_t ticket_ = 0;
  std::uint32_t place_ticket_ = 0;
  std::uint32_t tries_ = 0;
  std::uint32_t next_generation_ = 0;
  std::uint32_t generations_[4] = {}; ///< Of exec, queue, start, backoff; 0 when not set.
  std::uint32_t ignored_ = 0;
  phase phase_ = phase::fresh;
  status status_ = status::unspecified;
  status end_members_ = status::unspecified; ///< Set when the group ends its members: what they become.
  status end_group_ = status::unspecified;   ///< What the group becomes, if not by aggregation.
  bool barrier_ = true;
  bool ignore_nonlead_ = true;
  bool in_pool_ = false; ///< The pool holds a lease or a request of this group.
  bool put_off_ = false; ///< The pool dropped its request, and it says so until it is told what it waits for.
  bool forced_ = false;
  bool displaced_ = false; ///< It is vacating because of a node that is given up.
};

} // namespace muster
