#include "muster/state/group_machine.hpp"

#include "state/group_text.hpp"

#include "muster/state/aggregate.hpp"
#include "muster/state/exit_decision.hpp"

#include <algorithm>
#include <utility>

// How attempts, members and groups end: exit actions, retries, the lead rule.
namespace muster {

namespace {

/// OSMO's code for an attempt that its node threw out; exit actions may name it.
constexpr std::int64_t evicted_code = 3004;

std::string describe(const attempt_exit& how) {
  if (!how.message.empty() || (how.code == 0 && how.signal == 0))
    return how.message;
  if (how.out_of_memory)
    return "out of memory";
  return how.signal != 0 ? "killed by signal " + std::to_string(how.signal) : "exit code " + std::to_string(how.code);
}

} // namespace

/// Ends a member's attempt that ended by itself.
void group_machine::decide(member& m, const attempt_exit& how, group_effects& out) {
  const auto apply = [&](status before, std::int64_t code) {
    return decide_exit(before, code, m.exit_actions, policy_->exit_actions, retries(m), policy_->max_retries);
  };
  exit_decision verdict;
  if (how.out_of_memory && how.code != 0) {
    verdict = apply(status::failed_evicted, evicted_code);
    if (verdict.status == status::failed_evicted && verdict.message.empty())
      verdict = apply(status::failed_evicted, how.code);
  } else {
    verdict = apply(how.code == 0 ? status::completed : status::failed, how.code);
  }
  auto why = verdict.message.empty() ? describe(how) : std::move(verdict.message);
  if (verdict.status == status::rescheduled)
    reschedule(m, how.code, std::move(why), out);
  else
    member_ended(m, verdict.status, how.code, why, out);
}

/// Ends a member's attempt as the group meant it to.
void group_machine::fulfil_fate(member& m, group_effects& out) {
  if (m.fate == fate::restart) {
    record(m, status::rescheduled, no_exit_code, std::string{text::restarted}, out);
    return next_attempt(m, duration::zero(), out);
  }
  if (m.fate == fate::preempt && end_members_ == status::unspecified)
    return decide_preempted(m, out);
  member_ended(m, end_members_, no_exit_code, end_text_, out);
}

/// A start failed, or a prepare while other members run.
void group_machine::member_failed(member& m, const error& why, group_effects& out) {
  if (kind(why.code) == error_kind::transient && retries(m) < policy_->max_retries)
    return reschedule(m, no_exit_code, text::again(why.message), out);
  member_ended(m, text::failure_status(why.code), no_exit_code, why.message, out);
}

void group_machine::member_ended(member& m, status s, std::int32_t code, const std::string& why, group_effects& out) {
  record(m, s, code, why, out);
  m.stage = stage::ended;
  m.fate = fate::none;
  settle_start(out);
  if (end_members_ == status::unspecified)
    apply_lead_rule(m, why, out);
  finish_if_ended(out);
}

/// What the end of one member means for the others; `why` is what was said of it.
void group_machine::apply_lead_rule(member& m, const std::string& why, group_effects& out) {
  const bool failed = is_failed(m.status);
  if (!is_lead(m) && (!failed || ignore_nonlead_))
    return start_ready(out);
  if (failed)
    group_text_ = members_.size() == 1 ? why : text::task(m.name, why);
  if (is_lead(m))
    end_all(failed ? status::failed : status::completed, status::unspecified, std::string{text::lead_finished}, out);
  else
    end_all(status::failed, status::unspecified, text::task_failed(m.name), out);
}

void group_machine::reschedule(member& m, std::int32_t code, std::string why, group_effects& out) {
  record(m, status::rescheduled, code, std::move(why), out);
  next_attempt(m, policy_->backoff.delay(retries(m), seed()), out);
  if (is_lead(m) || !ignore_nonlead_)
    restart_others(m, out);
}

void group_machine::restart_others(const member& cause, group_effects& out) {
  std::vector<member*> others;
  for (auto& m : members_)
    if (&m != &cause && live(m) && m.fate == fate::none) {
      m.fate = fate::restart;
      others.push_back(&m);
    }
  if (others.empty())
    return;
  note_stop({status::rescheduled, no_exit_code, std::string{text::restarted}, {}}, fate::restart, out);
  for (auto* m : others)
    stop(*m, grace(), out);
}

void group_machine::next_attempt(member& m, duration delay, group_effects& out) {
  ++m.attempt;
  m.fate = fate::none;
  m.stopping = false;
  m.asked = false;
  m.unheard = false;
  commit({&m}, out);
  if (delay > duration::zero()) {
    m.retry_timer = ++next_generation_;
    out.emplace_back(effect::set_timer{group_timer::retry, m.retry_timer, who(m).task, delay});
  }
}

/// Ends every member that has not ended: as `members`, the group as `group` or, if unspecified, by aggregation.
void group_machine::end_all(status members, status group, std::string why, group_effects& out) {
  if (end_members_ != status::unspecified)
    return;
  end_members_ = members;
  end_group_ = group;
  end_text_ = std::move(why);
  for (const auto timer : {group_timer::exec, group_timer::queue, group_timer::backoff})
    cancel_timer(timer, out);
  if (members != status::failed_canceled) // That was requested of the whole workflow, and is known.
    note_stop({members, no_exit_code, end_text_, {}}, fate::end, out);
  for (auto& m : members_)
    if (open(m))
      end_member(m, out);
  finish_if_ended(out);
}

void group_machine::end_member(member& m, group_effects& out) {
  if (m.retry_timer != 0)
    out.emplace_back(effect::cancel_timer{group_timer::retry, std::exchange(m.retry_timer, 0), who(m).task});
  if (live(m) || m.stage == stage::preparing) {
    m.fate = fate::end;
    return stop(m, forced_ ? duration::zero() : grace(), out);
  }
  record(m, end_members_, no_exit_code, end_text_, out);
  if (m.stage == stage::prepared)
    out.emplace_back(effect::remove{who(m), false});
  m.stage = stage::ended;
  m.fate = fate::none;
}

/// Ahead of the stops of all that lives; of a restart, of those whom it is about.
void group_machine::note_stop(stop_purpose what, fate of, group_effects& out) const {
  for (const auto& m : members_)
    if (live(m) && (of != fate::restart || m.fate == of))
      what.attempts.push_back(who(m));
  if (!what.attempts.empty())
    out.emplace_back(effect::note_stop{std::move(what)});
}

void group_machine::stop(member& m, duration within, group_effects& out) {
  if (m.stopping && within > duration::zero())
    return;
  m.stopping = true;
  out.emplace_back(effect::stop{who(m), within});
}

/// None at all is for those that are forced to end.
duration group_machine::grace() const noexcept {
  return std::max<duration>(policy_->grace, std::chrono::milliseconds{1});
}

/// Waits no longer for prepares of a group that is ending: their attempts were never started.
void group_machine::abandon_prepares(group_effects& out) {
  if (done())
    return;
  for (auto& m : members_) {
    if (m.stage != stage::preparing)
      continue;
    record(m, end_members_, no_exit_code, end_text_, out);
    out.emplace_back(effect::remove{who(m), false});
    m.stage = stage::ended;
  }
  finish_if_ended(out);
}

void group_machine::finish_if_ended(group_effects& out) {
  if (done() || std::any_of(members_.begin(), members_.end(), open))
    return;
  for (const auto timer : {group_timer::exec, group_timer::queue, group_timer::start, group_timer::backoff})
    cancel_timer(timer, out);
  phase_ = phase::done;
  auto s = end_group_;
  if (members_.size() == 1) {
    s = recorded_group_status(members_[0].status);
  } else if (s == status::unspecified) {
    std::vector<status> all;
    for (const auto& m : members_)
      all.push_back(m.status);
    s = aggregate_group(ignore_nonlead_, lead_, all);
  }
  // The members' text is about the task that ended them; a group says what became of that task, if it failed.
  const auto& why = group_text_.empty() && s != status::completed ? end_text_ : group_text_;
  record_group(s, why, out);
  if (std::exchange(in_pool_, false))
    out.emplace_back(effect::release{});
  out.emplace_back(effect::finished{s, why});
}

} // namespace muster
