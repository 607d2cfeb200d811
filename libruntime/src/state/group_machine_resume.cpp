#include "muster/state/group_machine.hpp"

#include "state/group_text.hpp"

#include <algorithm>

// Taking up a group after a restart, from what was recorded and what was found.
namespace muster {

namespace {

/// What the group becomes whose members end like this; unspecified: as they say.
status group_status_of(status members) {
  return members == status::failed_exec_timeout || members == status::failed_queue_timeout ? members
                                                                                           : status::unspecified;
}

} // namespace

group_effects group_machine::resume(const std::vector<recorded_member>& recorded, const group_clocks& clocks,
                                    const std::optional<stop_purpose>& stopping) {
  if (phase_ != phase::fresh)
    return ignore();
  group_effects out;
  phase_ = phase::intent;
  waited_ = clocks.waited;
  std::vector<member*> to_commit;
  for (std::size_t i = 0; i < members_.size(); ++i)
    if (resume_member(members_[i], i < recorded.size() ? recorded[i] : recorded_member{}))
      to_commit.push_back(&members_[i]);
  for (std::size_t i = 0; i < members_.size() && i < recorded.size(); ++i)
    members_[i].preemptions = std::min(recorded[i].preemptions, members_[i].attempt - members_[i].first_attempt);
  resume_status(recorded, out);
  if (!to_commit.empty())
    commit(to_commit, out);
  if (policy_->exec_timeout && any_live())
    set_timer(group_timer::exec, std::max(duration::zero(), *policy_->exec_timeout - clocks.ran), out);
  for (std::size_t i = 0; i < members_.size(); ++i) {
    auto& m = members_[i];
    if (i >= recorded.size() || !live(m))
      continue;
    if (recorded[i].found == found::lost)
      member_ended(m, status::failed_backend_error, no_exit_code, "Nobody saw how it ended", out);
    else if (m.status < status::running && recorded[i].found == found::away && !is_alone()) {
      m.stage = stage::starting; // Its node says whether it runs.
      m.unheard = m.asked = true;
    } else if (m.status < status::running)
      record(m, status::running, no_exit_code, {}, out);
  }
  const auto* noted = stopping ? &*stopping : nullptr;
  resume_rules(noted, out);
  resume_leaving(recorded, noted, out);
  if (done() || phase_ == phase::vacating)
    return out;
  const auto committing = [](const member& m) { return m.stage == stage::committing; };
  if (any_live())
    ask_place(true, out);
  else if (std::none_of(members_.begin(), members_.end(), committing))
    ask_place(false, out);
  return out;
}

/// The noted stop was for this attempt, and it has not ended as was noted.
bool group_machine::was_told_to_end(const member& m, const stop_purpose& by) const {
  return open(m) && m.stage != stage::committing &&
         std::find(by.attempts.begin(), by.attempts.end(), who(m)) != by.attempts.end();
}

/// They were told to leave their places, or some had left them already: the others follow. So they do if nobody can
/// tell who of them was started.
void group_machine::resume_leaving(const std::vector<recorded_member>& recorded, const stop_purpose* stopping,
                                   group_effects& out) {
  if (!any_live() || end_members_ != status::unspecified)
    return;
  const auto first =
      std::find_if(recorded.begin(), recorded.end(), [](const recorded_member& x) { return x.left != 0; });
  const bool has_left = first != recorded.end();
  const bool was_leaving =
      stopping != nullptr && muster::has_left(stopping->exit_code) &&
      std::any_of(members_.begin(), members_.end(), [&](const member& m) { return was_told_to_end(m, *stopping); });
  if (!has_left && !was_leaving && !is_half_started(recorded))
    return;
  in_pool_ = true; // What they hold was booked for them.
  if (was_leaving)
    vacate(stopping->text, stopping->exit_code == displaced_code, out);
  else if (!has_left)
    vacate("Displaced: the head was restarted while its group was being started, and one of its nodes is away", true,
           out);
  else if (first->left == displaced_code)
    vacate("Displaced: its group left its places before the head was restarted", true, out);
  else
    vacate("Preempted: its group left its places before the head was restarted", false, out);
}

/// With a barrier nobody may start, for the first time or once more, while it is not known of another member whether it
/// ever did, or will.
bool group_machine::is_half_started(const std::vector<recorded_member>& recorded) const {
  bool unknown = false;
  for (std::size_t i = 0; i < members_.size() && i < recorded.size(); ++i)
    unknown =
        unknown || (live(members_[i]) && recorded[i].found == found::away && recorded[i].status < status::running);
  return barrier_ && unknown && members_.size() > 1 &&
         std::any_of(members_.begin(), members_.end(),
                     [](const member& m) { return open(m) && (!live(m) || m.fate == fate::restart); });
}

/// Sets a member to what is known of it; true if it needs a new attempt.
bool group_machine::resume_member(member& m, const recorded_member& known) {
  // Nothing is known of attempts since it was to be run once more: those before do not count.
  m.attempt = std::max(known.attempt, m.first_attempt);
  if (known.attempt < m.first_attempt)
    return true;
  m.status = known.status;
  if (is_group_finished(known.status)) {
    m.stage = stage::ended;
    return false;
  }
  if (known.status == status::rescheduled) {
    ++m.attempt;
    return true;
  }
  if (known.status <= status::waiting)
    return true;
  m.stage = may_run(known.found) || known.found == found::lost ? stage::running : stage::idle;
  return false;
}

/// Who was to be restarted with its group still is.
void group_machine::resume_restart(const stop_purpose& stopping, group_effects& out) {
  std::vector<member*> told;
  for (auto& m : members_)
    if (live(m) && was_told_to_end(m, stopping)) {
      m.fate = fate::restart;
      told.push_back(&m);
    }
  if (told.empty())
    return;
  note_stop({stopping.status, stopping.exit_code, stopping.text, {}}, fate::restart, out);
  for (auto* m : told)
    stop(*m, grace(), out);
}

/// Says again what the group is: its row may be behind those of its tasks.
void group_machine::resume_status(const std::vector<recorded_member>& recorded, group_effects& out) {
  auto s = status::processing;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    const auto& m = members_[i];
    const bool is_heard_of = is_alone() || i >= recorded.size() || recorded[i].found != found::away;
    const bool runs = live(m) && (is_heard_of || m.status >= status::running);
    const bool began = runs || m.stage == stage::ended || retries(m) > 0;
    s = std::max(s, began ? status::running : m.status);
  }
  record_group(std::min(s, status::running), {}, out);
}

/// What the group had decided before the restart is decided again, from the rows and what was noted.
void group_machine::resume_rules(const stop_purpose* stopping, group_effects& out) {
  const auto any_is = [this](status s) {
    return std::any_of(members_.begin(), members_.end(), [s](const member& m) { return m.status == s; });
  };
  if (any_is(status::failed_canceled))
    end_all(status::failed_canceled, status::failed_canceled, "Canceled", out);
  for (const auto s : {status::failed_exec_timeout, status::failed_queue_timeout})
    if (any_is(s))
      end_all(s, s, "Timeout exceeded", out);
  if (any_is(status::failed_start_timeout))
    end_all(status::failed_start_timeout, status::unspecified, "Timeout exceeded", out);
  for (auto& m : members_)
    if (!open(m) && end_members_ == status::unspecified)
      apply_lead_rule(m, "failed before the restart", out);
  const auto told = [&](const member& m) { return stopping != nullptr && was_told_to_end(m, *stopping); };
  if (stopping != nullptr && is_failed(stopping->status) && std::any_of(members_.begin(), members_.end(), told))
    end_all(stopping->status, group_status_of(stopping->status), stopping->text, out);
  finish_if_ended(out);
  if (end_members_ != status::unspecified)
    return;
  if (stopping != nullptr && stopping->status == status::rescheduled && !has_left(stopping->exit_code))
    resume_restart(*stopping, out);
  for (auto& m : members_) {
    const bool retried = retries(m) > 0 && (m.stage == stage::committing || m.stage == stage::idle);
    if (retried && (is_lead(m) || !ignore_nonlead_))
      restart_others(m, out);
  }
}

} // namespace muster
