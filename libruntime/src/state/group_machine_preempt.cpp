#include "muster/state/group_machine.hpp"

#include "muster/state/exit_decision.hpp"

#include <algorithm>
#include <utility>

// How a group leaves its places: for another of higher priority, or because a node is not to be used any more.
namespace muster {

namespace {

/// What an exit action says that was asked about an attempt which made way, where it runs again.
std::string_view ruled_reschedule() {
  return "Exit Action: RESCHEDULE the task for exit code 3006.";
}

} // namespace

bool has_left_free(std::int32_t code, std::string_view reason) noexcept {
  const auto rule = ruled_reschedule();
  const bool is_ruled = reason.size() >= rule.size() && reason.substr(reason.size() - rule.size()) == rule;
  return code == displaced_code || (code == preempted_code && !is_ruled);
}

group_effects group_machine::preempt(std::string_view why) {
  if (phase_ != phase::leased || end_members_ != status::unspecified)
    return ignore();
  group_effects out;
  vacate("Preempted: " + std::string{why}, false, out);
  settle_vacating(out);
  return out;
}

group_effects group_machine::displaced(task_attempt wanted, std::string_view why) {
  auto* m = find(wanted);
  if (m == nullptr || !(live(*m) || m->stage == stage::preparing || m->stage == stage::prepared))
    return ignore();
  group_effects out;
  const bool ran = live(*m);
  if (!ran)
    m->stage = stage::idle;
  const auto text = "Displaced: " + std::string{why};
  if (end_members_ != status::unspecified) {
    if (ran)
      fulfil_fate(*m, out);
    else
      end_member(*m, out);
    finish_if_ended(out);
  } else {
    m->fate = fate::none;
    m->stopping = m->asked = false;
    const bool may_leave = phase_ == phase::leased || (phase_ == phase::queued && ran);
    if (ran)
      leave(*m, displaced_code, text, true, out);
    if (may_leave)
      vacate(text, true, out);
    if (phase_ == phase::rollback)
      settle_rollback(out);
    settle_vacating(out);
  }
  out.insert(done() ? out.end() - 1 : out.end(), effect::remove{wanted, ran});
  return out;
}

/// All that is under way is to end, with grace.
void group_machine::vacate(std::string why, bool displaced, group_effects& out) {
  phase_ = phase::vacating;
  leaving_ = std::move(why);
  displaced_ = displaced;
  for (const auto timer : {group_timer::exec, group_timer::queue, group_timer::start})
    cancel_timer(timer, out);
  note_stop({status::rescheduled, displaced ? displaced_code : preempted_code, leaving_, {}}, fate::preempt, out);
  for (auto& m : members_) {
    if (m.retry_timer != 0)
      out.emplace_back(effect::cancel_timer{group_timer::retry, std::exchange(m.retry_timer, 0), who(m).task});
    if (live(m) || m.stage == stage::preparing) {
      m.fate = fate::preempt;
      stop(m, grace(), out);
    } else if (m.stage == stage::prepared) {
      m.stage = stage::idle;
      m.asked = false;
      out.emplace_back(effect::remove{who(m), false});
    }
  }
}

/// An attempt has left its place. Without a rule for that another one follows, and it was nobody's failure.
void group_machine::decide_preempted(member& m, group_effects& out) {
  exit_decision verdict;
  if (!displaced_)
    verdict = decide_exit(status::failed_preempted, preempted_code, m.exit_actions, policy_->exit_actions, retries(m),
                          policy_->max_retries);
  const bool is_ruled = !verdict.message.empty();
  const auto why = is_ruled ? leaving_ + ". " + verdict.message : leaving_;
  if (is_ruled && verdict.status != status::rescheduled)
    member_ended(m, verdict.status, preempted_code, why, out);
  else
    leave(m, displaced_ ? displaced_code : preempted_code, why, !is_ruled, out);
  settle_vacating(out);
}

/// The next attempt begins when the group has places again.
void group_machine::leave(member& m, std::int32_t code, std::string why, bool free, group_effects& out) {
  record(m, status::rescheduled, code, std::move(why), out);
  m.preemptions += free ? 1 : 0;
  next_attempt(m, duration::zero(), out);
}

/// Lets go of the lease once nothing of the group holds on to it, and gets in line again.
void group_machine::settle_vacating(group_effects& out) {
  if (phase_ != phase::vacating || end_members_ != status::unspecified)
    return;
  const auto holds_on = [](const member& m) {
    return live(m) || m.stage == stage::preparing || m.stage == stage::committing;
  };
  if (std::any_of(members_.begin(), members_.end(), holds_on))
    return;
  give_up_places(out);
  ask_place(false, out);
}

} // namespace muster
