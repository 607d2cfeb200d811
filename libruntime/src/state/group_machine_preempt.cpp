#include "muster/state/group_machine.hpp"

#include "muster/state/exit_decision.hpp"

#include <algorithm>
#include <utility>

// How a group makes way for another of higher priority.
namespace muster {

group_effects group_machine::preempt(std::string_view why) {
  if (phase_ != phase::leased || end_members_ != status::unspecified)
    return ignore();
  group_effects out;
  phase_ = phase::vacating;
  preempted_ = "Preempted: " + std::string{why};
  cancel_timer(group_timer::exec, out);
  cancel_timer(group_timer::start, out);
  for (auto& m : members_) {
    if (m.retry_timer != 0)
      out.emplace_back(effect::cancel_timer{group_timer::retry, std::exchange(m.retry_timer, 0), who(m).task});
    if (live(m) || m.stage == stage::preparing) {
      m.fate = fate::preempt;
      stop(m, policy_->grace, out);
    } else if (m.stage == stage::prepared) {
      m.stage = stage::idle;
      m.asked = false;
      out.emplace_back(effect::remove{who(m), false});
    }
  }
  settle_vacating(out);
  return out;
}

/// An attempt has made way. Without a rule for that another one follows, and it was nobody's failure.
void group_machine::decide_preempted(member& m, group_effects& out) {
  const auto verdict = decide_exit(status::failed_preempted, preempted_code, m.exit_actions, policy_->exit_actions,
                                   retries(m), policy_->max_retries);
  const bool is_ruled = rules_preemption(m);
  if (is_ruled && verdict.status != status::rescheduled) {
    member_ended(m, verdict.status, preempted_code, preempted_ + ". " + verdict.message, out);
  } else {
    record(m, status::rescheduled, preempted_code, preempted_, out);
    m.preemptions += is_ruled ? 0 : 1;
    next_attempt(m, duration::zero(), out);
  }
  settle_vacating(out);
}

/// Whether an exit action says what becomes of attempts that made way.
bool group_machine::rules_preemption(const member& m) const {
  return !decide_exit(status::failed_preempted, preempted_code, m.exit_actions, policy_->exit_actions, 0, 0)
              .message.empty();
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
  if (std::exchange(in_pool_, false))
    out.emplace_back(effect::release{});
  lease_ = {};
  ask_place(false, out);
}

} // namespace muster
