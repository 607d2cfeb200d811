#include "muster/state/group_machine.hpp"

#include "state/group_text.hpp"

#include "muster/state/exit_decision.hpp"
#include "muster/state/transitions.hpp"

#include <algorithm>
#include <utility>

// The inputs, and the way of a group to its start. How members end is in group_machine_ends.cpp.
namespace muster {

group_machine::group_machine(group_setup setup)
    : policy_(std::move(setup.policy)), first_task_(setup.first_task), lead_(setup.lead), barrier_(setup.barrier),
      ignore_nonlead_(setup.ignore_nonlead_status) {
  members_.reserve(setup.members.size());
  for (auto& x : setup.members) {
    member m;
    m.name = std::move(x.name);
    m.exit_actions = std::move(x.exit_actions);
    m.attempt = m.first_attempt = x.first_attempt;
    members_.push_back(std::move(m));
  }
}

// -- inputs

group_effects group_machine::begin() {
  if (phase_ != phase::fresh)
    return ignore();
  group_effects out;
  phase_ = phase::intent;
  record_group(status::processing, {}, out);
  std::vector<member*> all;
  for (auto& m : members_)
    all.push_back(&m);
  commit(all, out);
  return out;
}

group_effects group_machine::intent_committed(std::uint32_t ticket) {
  bool any = false;
  bool all = true;
  for (auto& m : members_) {
    if (m.stage != stage::committing)
      continue;
    if (m.ticket == ticket) {
      m.stage = stage::idle;
      any = true;
    } else {
      all = false;
    }
  }
  if (!any)
    return ignore();
  group_effects out;
  if (phase_ == phase::intent && all)
    ask_place(false, out);
  else if (phase_ == phase::vacating)
    settle_vacating(out);
  else
    prepare_ready(out);
  return out;
}

group_effects group_machine::placed(std::uint32_t ticket, epoch lease) {
  if (phase_ == phase::leased && ticket == place_ticket_ && lease == lease_)
    return {}; // It was placed ahead, and its start was heard of first.
  if (phase_ != phase::queued || ticket != place_ticket_)
    return ignore();
  group_effects out;
  const bool was_ahead = is_ahead();
  leave_queue(lease, out);
  if (!was_ahead)
    prepare_ready(out);
  else if (end_members_ == status::unspecified) {
    auto& m = members_.front();
    record(m, status::initializing, no_exit_code, {}, out);
    record_group(status::initializing, {}, out);
    if (policy_->start_timeout)
      set_timer(group_timer::start, *policy_->start_timeout, out);
    out.emplace_back(effect::start{who(m)});
  }
  return out;
}

group_effects group_machine::placed_ahead(std::uint32_t ticket, epoch lease) {
  auto& m = members_.front();
  if (phase_ != phase::queued || ticket != place_ticket_ || !is_alone() || m.stage != stage::idle || m.asked)
    return ignore();
  group_effects out;
  lease_ = lease;
  m.stage = stage::starting;
  m.asked = true;
  out.emplace_back(effect::prepare{who(m), true, true});
  return out;
}

duration group_machine::rest_of_queue_timeout() const {
  // Nodes join again after a restart, and nobody should fail before they could.
  constexpr duration least = std::chrono::minutes{1};
  return std::max(*policy_->queue_timeout - waited_, std::min(*policy_->queue_timeout, least));
}

group_effects group_machine::must_wait(std::uint32_t ticket, std::string_view reason) {
  if (phase_ != phase::queued || ticket != place_ticket_)
    return ignore();
  group_effects out;
  for (auto& m : members_)
    if (open(m) && m.status < status::scheduling)
      record(m, status::scheduling, no_exit_code, std::string{reason}, out);
  record_group(status::scheduling, std::string{reason}, out);
  // It had places before, or was put off. However many members: what they wait for is for the lead to say.
  auto& lead = members_[lead_];
  const bool had_places = lead.status == status::initializing && lead.stage == stage::idle;
  const bool was_put_off = std::exchange(put_off_, false);
  if (had_places || (was_put_off && lead.status == status::scheduling)) {
    record(lead, lead.status, no_exit_code, std::string{reason}, out);
    if (!is_alone())
      out.emplace_back(effect::record_group{status_, std::string{reason}});
  }
  if (policy_->queue_timeout && generation(group_timer::queue) == 0)
    set_timer(group_timer::queue, rest_of_queue_timeout(), out);
  return out;
}

group_effects group_machine::cannot_place(std::uint32_t ticket, const error& why) {
  if (phase_ != phase::queued || ticket != place_ticket_)
    return ignore();
  group_effects out;
  in_pool_ = false;
  cancel_timer(group_timer::queue, out);
  if (any_live()) {
    phase_ = phase::leased;
    end_all(status::failed_backend_error, status::unspecified, why.message, out);
  } else if (why.code == ec::unavailable || // Nothing was tried, so that is none of its tries.
             (kind(why.code) == error_kind::transient && ++tries_ < policy_->max_tries)) {
    auto& m = members_[lead_];
    record(m, std::max(m.status, status::scheduling), no_exit_code, text::again(why.message), out);
    put_off_ = true;
    back_off(out);
  } else {
    end_all(text::failure_status(why.code), status::unspecified, why.message, out);
  }
  return out;
}

group_effects group_machine::prepared(task_attempt who, const result<void>& outcome) {
  auto* m = find(who);
  const bool starts_itself = m != nullptr && m->stage == stage::starting && is_alone() && !outcome;
  if (m == nullptr || (m->stage != stage::preparing && !starts_itself))
    return ignore();
  group_effects out;
  m->stage = outcome ? stage::prepared : stage::idle;
  if (m->fate == fate::end) {
    end_member(*m, out);
    finish_if_ended(out);
  } else if (phase_ == phase::rollback) {
    settle_rollback(out);
  } else if (phase_ == phase::vacating) {
    if (outcome)
      out.emplace_back(effect::remove{who, false});
    m->stage = stage::idle;
    m->fate = fate::none;
    m->stopping = m->asked = false;
    settle_vacating(out);
  } else if (outcome) {
    start_ready(out);
  } else {
    prepare_failed(*m, outcome.failure(), out);
  }
  return out;
}

group_effects group_machine::progressed(task_attempt wanted, std::string_view text) {
  const auto* m = find(wanted);
  const bool is_preparing =
      m != nullptr && (m->stage == stage::preparing || (m->stage == stage::starting && is_alone()));
  if (!is_preparing || m->status != status::initializing || m->fate != fate::none)
    return ignore();
  group_effects out;
  out.emplace_back(effect::record_task{wanted, m->status, no_exit_code, std::string{text}});
  return out;
}

group_effects group_machine::started(task_attempt who, const result<void>& outcome) {
  auto* m = find(who);
  if (m == nullptr || m->stage != stage::starting)
    return ignore();
  group_effects out;
  if (is_ahead() && outcome) {
    leave_queue(lease_, out);
    record(*m, status::initializing, no_exit_code, {}, out);
    record_group(status::initializing, {}, out);
  }
  if (!outcome) {
    if (m->fate == fate::none)
      member_failed(*m, outcome.failure(), out);
    else
      fulfil_fate(*m, out);
    return out;
  }
  m->stage = stage::running;
  record(*m, status::running, no_exit_code, {}, out);
  record_group(status::running, {}, out);
  if (std::exchange(m->unheard, false))
    start_ready(out);
  if (policy_->exec_timeout && generation(group_timer::exec) == 0 && end_members_ == status::unspecified)
    set_timer(group_timer::exec, *policy_->exec_timeout, out);
  settle_start(out);
  return out;
}

group_effects group_machine::exited(task_attempt who, const attempt_exit& how) {
  auto* m = find(who);
  if (m == nullptr || !live(*m))
    return ignore();
  group_effects out;
  if (m->fate == fate::none)
    decide(*m, how, out);
  else
    fulfil_fate(*m, out);
  forget(who, out);
  return out;
}

group_effects group_machine::lost(task_attempt who, std::string_view why) {
  auto* m = find(who);
  if (m != nullptr && m->stage == stage::prepared)
    m->stage = stage::preparing;
  if (m != nullptr && m->stage == stage::preparing)
    return prepared(who, error{ec::unavailable, std::string{why}});
  if (m == nullptr || !live(*m))
    return ignore();
  group_effects out;
  // Whatever it was meant to become: nobody saw it end.
  member_ended(*m, status::failed_backend_error, no_exit_code, std::string{why}, out);
  settle_vacating(out);
  forget(who, out);
  return out;
}

/// After the record: what is forgotten by the driver must be known to the journal. Before the group's end, its last
/// effect.
void group_machine::forget(task_attempt who, group_effects& out) const {
  out.insert(done() ? out.end() - 1 : out.end(), effect::remove{who, true});
}

group_effects group_machine::timer_fired(group_timer timer, std::uint32_t gen, task_index task) {
  if (gen == 0)
    return ignore();
  group_effects out;
  if (timer == group_timer::retry) {
    const auto position = task.value - first_task_.value;
    if (position >= members_.size() || members_[position].retry_timer != gen)
      return ignore();
    members_[position].retry_timer = 0;
    prepare_ready(out);
    return out;
  }
  if (generation(timer) != gen)
    return ignore();
  generation(timer) = 0;
  switch (timer) {
    case group_timer::exec:
      end_all(status::failed_exec_timeout, status::failed_exec_timeout,
              text::timeout("exec timeout", *policy_->exec_timeout), out);
      break;
    case group_timer::queue:
      end_all(status::failed_queue_timeout, status::failed_queue_timeout,
              text::timeout("queue timeout", *policy_->queue_timeout), out);
      break;
    case group_timer::start:
      end_all(status::failed_start_timeout, status::unspecified,
              text::timeout("start timeout", *policy_->start_timeout), out);
      abandon_prepares(out);
      break;
    case group_timer::backoff: ask_place(false, out); break;
    case group_timer::retry: break;
  }
  return out;
}

group_effects group_machine::cancel(std::string_view message, bool force) {
  const bool ending = end_members_ != status::unspecified;
  if (done() || (ending && (!force || forced_)))
    return ignore();
  group_effects out;
  forced_ = force;
  if (!ending) {
    end_all(status::failed_canceled, status::failed_canceled, message.empty() ? "Canceled" : std::string{message}, out);
    return out;
  }
  for (auto& m : members_)
    if (live(m) || m.stage == stage::preparing)
      stop(m, duration::zero(), out);
  return out;
}

// -- small questions

task_attempt group_machine::who(const member& m) const noexcept {
  const auto position = static_cast<std::uint32_t>(&m - members_.data());
  return {task_index{first_task_.value + position}, m.attempt};
}

bool group_machine::is_lead(const member& m) const noexcept {
  return &m == &members_[lead_];
}

/// The only member has nobody to wait for: it is started by whoever prepares it, without another word.
bool group_machine::is_alone() const noexcept {
  return members_.size() == 1;
}

/// It waits for a place, and its driver has been told whose it will be.
bool group_machine::is_ahead() const noexcept {
  return phase_ == phase::queued && is_alone() && members_.front().stage == stage::starting;
}

/// Something of the attempt may be running.
bool group_machine::live(const member& m) noexcept {
  return m.stage == stage::starting || m.stage == stage::running;
}

bool group_machine::open(const member& m) noexcept {
  return m.stage != stage::ended;
}

bool group_machine::any_live() const noexcept {
  return std::any_of(members_.begin(), members_.end(), live);
}

group_machine::member* group_machine::find(task_attempt wanted) noexcept {
  const auto position = wanted.task.value - first_task_.value; // wraps round for a lower task: too large then
  if (position >= members_.size() || members_[position].attempt != wanted.attempt)
    return nullptr;
  return &members_[position];
}

group_effects group_machine::ignore() noexcept {
  ++ignored_;
  return {};
}

// -- recording

void group_machine::record(member& m, status s, std::int32_t code, std::string why, group_effects& out) {
  if (!may_follow(m.status, s))
    return;
  m.status = s;
  out.emplace_back(effect::record_task{who(m), s, code, std::move(why)});
}

void group_machine::record_group(status s, std::string why, group_effects& out) {
  if (s == status_ || !group_may_follow(status_, s))
    return;
  status_ = s;
  if (members_.size() > 1)
    out.emplace_back(effect::record_group{s, std::move(why)});
}

// -- timers

void group_machine::set_timer(group_timer timer, duration delay, group_effects& out) {
  generation(timer) = ++next_generation_;
  out.emplace_back(effect::set_timer{timer, next_generation_, first_task_, delay});
}

void group_machine::cancel_timer(group_timer timer, group_effects& out) {
  if (auto& gen = generation(timer); gen != 0)
    out.emplace_back(effect::cancel_timer{timer, std::exchange(gen, 0), first_task_});
}

std::uint32_t& group_machine::generation(group_timer timer) noexcept {
  const auto i = static_cast<std::size_t>(timer) - 1;
  return generations_[std::min<std::size_t>(i, 3)];
}

/// The start clock stops when nobody is on the way to the start any more.
void group_machine::settle_start(group_effects& out) {
  const bool under_way = std::any_of(members_.begin(), members_.end(),
                                     [](const member& m) { return open(m) && m.stage != stage::running; });
  if (!under_way)
    cancel_timer(group_timer::start, out);
}

// -- the way to the start

void group_machine::commit(const std::vector<member*>& those, group_effects& out) {
  effect::commit_intent intent;
  intent.ticket = ++ticket_;
  for (auto* m : those) {
    m->ticket = intent.ticket;
    m->stage = stage::committing;
    m->status = status::processing;
    intent.attempts.push_back(who(*m));
  }
  out.emplace_back(std::move(intent));
}

void group_machine::ask_place(bool restore, group_effects& out) {
  phase_ = phase::queued;
  in_pool_ = true;
  place_ticket_ = ++ticket_;
  effect::ask_place ask{place_ticket_, restore, {}, restore ? duration::zero() : waited_};
  for (const auto& m : members_)
    if (open(m))
      ask.members.push_back(who(m).task);
  out.emplace_back(std::move(ask));
}

void group_machine::leave_queue(epoch lease, group_effects& out) {
  cancel_timer(group_timer::queue, out);
  waited_ = duration::zero();
  lease_ = lease;
  phase_ = phase::leased;
}

void group_machine::prepare_ready(group_effects& out) {
  if (phase_ != phase::leased || end_members_ != status::unspecified)
    return;
  bool any = false;
  for (auto& m : members_) {
    if (m.stage != stage::idle || m.retry_timer != 0)
      continue;
    record(m, status::initializing, no_exit_code, {}, out);
    m.stage = is_alone() ? stage::starting : stage::preparing;
    any = true;
  }
  if (!any)
    return;
  record_group(status::initializing, {}, out);
  if (policy_->start_timeout && generation(group_timer::start) == 0)
    set_timer(group_timer::start, *policy_->start_timeout, out);
  // Prepares last: every record of the gang is ahead of its first side effect. A member that was preparing before is
  // not asked again.
  for (auto& m : members_)
    if ((m.stage == stage::preparing || m.stage == stage::starting) && !m.asked) {
      m.asked = true;
      out.emplace_back(effect::prepare{who(m), is_alone()});
    }
}

void group_machine::start_ready(group_effects& out) {
  if (phase_ != phase::leased || end_members_ != status::unspecified)
    return;
  const auto ready = [](const member& m) {
    return !open(m) || m.stage == stage::prepared || (live(m) && m.fate == fate::none && !m.unheard);
  };
  if (barrier_ && !std::all_of(members_.begin(), members_.end(), ready))
    return;
  const auto start = [&](member& m) {
    if (m.stage != stage::prepared)
      return;
    m.stage = stage::starting;
    out.emplace_back(effect::start{who(m)});
  };
  // The lead is most often whom the others call: it gets the head start that there is.
  start(members_[lead_]);
  for (auto& m : members_)
    start(m);
}

// -- failures before the start

void group_machine::prepare_failed(member& m, const error& why, group_effects& out) {
  if (any_live())
    return member_failed(m, why, out);
  const bool transient = kind(why.code) == error_kind::transient;
  if (transient && ++tries_ < policy_->max_tries)
    return roll_back(m, why, out);
  const auto s = text::failure_status(why.code);
  if (barrier_ || transient)
    return end_all(s, status::unspecified, members_.size() == 1 ? why.message : text::task(m.name, why.message), out);
  member_ended(m, s, no_exit_code, why.message, out);
}

void group_machine::roll_back(member& cause, const error& why, group_effects& out) {
  phase_ = phase::rollback;
  leaving_ = text::again(is_alone() ? why.message : text::task(cause.name, why.message));
  settle_rollback(out);
  if (phase_ == phase::rollback)
    record(cause, status::initializing, no_exit_code, text::again(why.message), out);
}

void group_machine::settle_rollback(group_effects& out) {
  bool waits = false;
  for (auto& m : members_) {
    waits = waits || m.stage == stage::preparing;
    if (m.stage == stage::prepared) {
      m.stage = stage::idle;
      out.emplace_back(effect::remove{who(m), false});
    }
    if (m.stage == stage::idle)
      m.asked = false;
  }
  if (waits)
    return;
  give_up_places(out);
  back_off(out);
}

/// What was not started yet is nowhere then: its rows say so, and why.
void group_machine::give_up_places(group_effects& out) {
  let_go(out);
  for (auto& m : members_)
    if (open(m) && m.status == status::initializing)
      record(m, m.status, no_exit_code, leaving_, out);
}

void group_machine::let_go(group_effects& out) {
  if (std::exchange(in_pool_, false))
    out.emplace_back(effect::release{});
  lease_ = {};
}

void group_machine::back_off(group_effects& out) {
  let_go(out);
  cancel_timer(group_timer::start, out);
  phase_ = phase::backoff;
  set_timer(group_timer::backoff, policy_->backoff.delay(std::max(tries_, 1U) - 1, seed()), out);
}

std::uint64_t group_machine::seed() const noexcept {
  return policy_->seed ^ (std::uint64_t{first_task_.value} << 20U) ^ next_generation_;
}

} // namespace muster
