#include "support/catch.hpp"

#include "unit/state/group_world.hpp"

#include "muster/state/transitions.hpp"

#include <algorithm>

namespace muster::test {

namespace {

constexpr std::int32_t killed = 143;

} // namespace

group_world::group_world(group_setup setup, trouble what, std::uint64_t seed)
    : setup_(std::move(setup)), trouble_(what), dice_(seed), machine_(setup_) {
  carry_out(machine_.begin());
}

void group_world::step() {
  if (dice_.chance(trouble_.crash) && crashes_ < 5)
    return crash();
  if (dice_.chance(trouble_.preempt))
    return carry_out(machine_.preempt("another needs its places"));
  if (dice_.chance(20))
    make_durable();
  if (!timers_.empty() && (messages_.empty() || dice_.chance(trouble_.timeout))) {
    // When nothing else can happen time passes, and the shortest clock rings.
    const auto at = messages_.empty() ? std::min_element(timers_.begin(), timers_.end(),
                                                         [](const auto& a, const auto& b) { return a.delay < b.delay; })
                                      : timers_.begin() + static_cast<std::ptrdiff_t>(dice_.below(timers_.size()));
    const message timer = *at;
    timers_.erase(at);
    return deliver(timer);
  }
  if (messages_.empty())
    FAIL("the group waits for nothing and has not ended");
  const auto i = static_cast<std::ptrdiff_t>(dice_.below(messages_.size()));
  const auto next = messages_[static_cast<std::size_t>(i)];
  if (!dice_.chance(trouble_.repeat))
    messages_.erase(messages_.begin() + i);
  deliver(next);
}

void group_world::cancel(bool force) {
  canceled_ = true;
  carry_out(machine_.cancel("enough", force));
}

void group_world::deliver(const message& m) {
  if (const auto* x = std::get_if<committed>(&m)) {
    make_durable();
    carry_out(machine_.intent_committed(x->ticket));
  } else if (const auto* answer = std::get_if<pool_answer>(&m)) {
    switch (answer->kind) {
      case 0: return carry_out(machine_.placed(answer->ticket, epoch{answer->ticket}));
      case 4: return carry_out(machine_.placed_ahead(answer->ticket, epoch{answer->ticket}));
      case 1: return carry_out(machine_.must_wait(answer->ticket, "waiting for 1 CPU"));
      case 2: return carry_out(machine_.cannot_place(answer->ticket, {ec::unavailable, "no node answers"}));
      default: return carry_out(machine_.cannot_place(answer->ticket, {ec::never_fits, "too big"}));
    }
  } else if (const auto* over = std::get_if<place_freed>(&m)) {
    if (driver_[{over->who.task.value, over->who.attempt}] == life::prepared)
      start(over->who);
  } else if (const auto* timer = std::get_if<effect::set_timer>(&m)) {
    carry_out(machine_.timer_fired(timer->timer, timer->generation, timer->task));
  } else {
    const auto& told = std::get<driver_answer>(m);
    const auto outcome = told.problem.code == ec::none ? result<void>{} : result<void>{told.problem};
    switch (told.what) {
      case driver_answer::prepared: return carry_out(machine_.prepared(told.who, outcome));
      case driver_answer::started: return carry_out(machine_.started(told.who, outcome));
      case driver_answer::exited:
        told_ends_.insert({told.who.task.value, told.who.attempt});
        return carry_out(machine_.exited(told.who, told.how));
      case driver_answer::lost: return carry_out(machine_.lost(told.who, "the node is gone"));
    }
  }
}

void group_world::carry_out(group_effects effects) {
  if (finished_)
    REQUIRE(effects.empty());
  for (auto& e : effects) {
    REQUIRE_FALSE(finished_);
    std::visit([this](const auto& x) { handle(x); }, e);
  }
}

void group_world::handle(const effect::record_task& x) {
  const attempt_key k{x.who.task.value, x.who.attempt};
  auto& row = rows_[k];
  INFO(k.first << '.' << k.second << ' ' << to_string(row.status) << " -> " << to_string(x.status));
  REQUIRE(may_follow(row.status, x.status));
  // A new attempt begins with its intent, except where a group ends before it began.
  if (row.status == status::unspecified)
    REQUIRE((x.who.attempt == 0 && is_failed(x.status)));
  if (x.status != status::failed_backend_error && is_finished(x.status))
    REQUIRE_FALSE(live(k));
  if (x.exit_code == killed && stopped_.count(k) == 1) // Nobody takes that for its own doing.
    FAIL("attempt " << k.first << '.' << k.second << " was told to end, and is " << to_string(x.status));
  row.status = x.status;
}

void group_world::handle(const effect::record_group& x) {
  REQUIRE(setup_.members.size() > 1);
  INFO(to_string(group_row_) << " -> " << to_string(x.status));
  REQUIRE((group_may_follow(group_row_, x.status)));
  group_row_ = x.status;
}

void group_world::handle(const effect::commit_intent& x) {
  REQUIRE_FALSE(x.attempts.empty());
  for (const auto& a : x.attempts) {
    const attempt_key k{a.task.value, a.attempt};
    REQUIRE(rows_[k].status == status::unspecified);
    if (a.attempt > 0)
      REQUIRE(rows_[attempt_key{a.task.value, a.attempt - 1}].status == status::rescheduled);
    rows_[k].status = status::processing;
  }
  messages_.push_back(committed{x.ticket});
}

void group_world::handle(const effect::ask_place& x) {
  REQUIRE_FALSE(pool_holds_);
  REQUIRE_FALSE(x.members.empty());
  if (!x.restore && dice_.chance(trouble_.placement)) {
    messages_.push_back(pool_answer{x.ticket, dice_.chance(80) ? 2 : 3});
    return;
  }
  if (!x.restore && dice_.chance(40))
    messages_.push_back(pool_answer{x.ticket, 1});
  // Before a place there may come word of whose place it will be.
  if (!x.restore && setup_.members.size() == 1 && dice_.chance(50))
    messages_.push_back(pool_answer{x.ticket, 4});
  messages_.push_back(pool_answer{x.ticket, 0});
  pool_holds_ = true;
}

void group_world::handle(const effect::release& x) {
  (void)x;
  pool_holds_ = false;
  for (const auto& [k, state] : driver_)
    REQUIRE_FALSE(live(k));
}

void group_world::handle(const effect::prepare& x) {
  const attempt_key k{x.who.task.value, x.who.attempt};
  REQUIRE((x.ahead ? rows_[k].status <= status::initializing : rows_[k].status == status::initializing));
  REQUIRE(committed_.count(k) == 1);
  REQUIRE(ever_started_.count(k) == 0);
  REQUIRE(pool_holds_);
  // A repeated answer never outlives the next call: both come from one driver, in order.
  messages_.erase(std::remove_if(messages_.begin(), messages_.end(),
                                 [&](const message& m) {
                                   const auto* old = std::get_if<driver_answer>(&m);
                                   return old != nullptr && old->what == driver_answer::prepared && old->who == x.who;
                                 }),
                  messages_.end());
  driver_answer told{driver_answer::prepared, x.who, {}, {}};
  if (dice_.chance(trouble_.prepare))
    told.problem = random_error();
  driver_[k] = told.problem.code == ec::none ? life::prepared : life::gone;
  if (told.problem.code == ec::none && x.ahead) {
    messages_.push_back(place_freed{x.who});
    return;
  }
  if (told.problem.code == ec::none && x.then_start)
    return start(x.who);
  messages_.push_back(told);
}

void group_world::handle(const effect::start& x) {
  const attempt_key k{x.who.task.value, x.who.attempt};
  const bool began_by_itself = setup_.members.size() == 1 && ever_started_.count(k) == 1;
  if (!began_by_itself && driver_[k] != life::gone) // Its `prepare` failed, and that is on its way.
    start(x.who);
}

void group_world::start(task_attempt who) {
  const attempt_key k{who.task.value, who.attempt};
  REQUIRE(driver_[k] == life::prepared);
  REQUIRE(ever_started_.insert(k).second);
  for (std::uint32_t older = 0; older < who.attempt; ++older)
    REQUIRE_FALSE(live({k.first, older}));
  check_barrier(who);
  driver_answer told{driver_answer::started, who, {}, {}};
  if (dice_.chance(trouble_.start)) {
    told.problem = random_error();
    driver_[k] = life::failed_start;
    messages_.push_back(told);
    return;
  }
  messages_.push_back(told);
  const bool lost = dice_.chance(trouble_.lost);
  driver_[k] = lost ? life::lost : life::started;
  messages_.push_back(driver_answer{lost ? driver_answer::lost : driver_answer::exited, who, {}, random_exit()});
}

/// With a barrier nobody starts while a member that is to run is not ready.
void group_world::check_barrier(task_attempt who) {
  if (!setup_.barrier)
    return;
  for (std::uint32_t i = 0; i < setup_.members.size(); ++i) {
    const auto task = setup_.first_task.value + i;
    std::uint32_t newest = 0;
    while (rows_.count({task, newest + 1}) != 0)
      ++newest;
    INFO(who.task.value << '.' << who.attempt << " starts; " << task << '.' << newest);
    const auto at = driver_.find({task, newest});
    const bool ready = at != driver_.end() && at->second != life::gone;
    REQUIRE((is_group_finished(rows_[attempt_key{task, newest}].status) || ready));
  }
}

void group_world::handle(const effect::note_stop& x) {
  REQUIRE_FALSE(x.what.attempts.empty());
  noted_ = x.what;
}

void group_world::handle(const effect::stop& x) {
  const attempt_key k{x.who.task.value, x.who.attempt};
  REQUIRE(driver_.count(k) == 1);
  const bool was_noted =
      noted_ && std::find(noted_->attempts.begin(), noted_->attempts.end(), x.who) != noted_->attempts.end();
  REQUIRE((was_noted || canceled_ || !live(k)));
  if (was_noted) { // It waited for that.
    make_durable();
    stopped_.insert(k);
  }
  if (setup_.members.size() > 1 || driver_[k] != life::prepared)
    return;
  // It waited for a place: it will never start, and ends as if it had.
  REQUIRE(ever_started_.insert(k).second);
  driver_[k] = life::started;
  attempt_exit how;
  how.code = 143;
  how.signal = 15;
  messages_.push_back(driver_answer{driver_answer::exited, x.who, {}, how});
}

void group_world::handle(const effect::remove& x) {
  REQUIRE_FALSE(live({x.who.task.value, x.who.attempt}));
  REQUIRE(x.ran == (ever_started_.count({x.who.task.value, x.who.attempt}) == 1));
  if (x.ran)
    removes_.push_back(x.who);
  else
    driver_[{x.who.task.value, x.who.attempt}] = life::gone;
}

void group_world::handle(const effect::set_timer& x) {
  timers_.push_back(x);
}

void group_world::handle(const effect::cancel_timer& x) {
  if (dice_.chance(10))
    return; // it is on its way already
  timers_.erase(std::remove_if(timers_.begin(), timers_.end(),
                               [&](const auto& t) { return t.generation == x.generation && t.timer == x.timer; }),
                timers_.end());
}

void group_world::handle(const effect::finished& x) {
  finished_ = true;
  final_ = x.status;
  REQUIRE(is_group_finished(x.status));
  REQUIRE_FALSE(pool_holds_);
  if (setup_.members.size() > 1)
    REQUIRE(group_row_ == x.status);
  for (const auto& [k, state] : driver_) {
    INFO(k.first << '.' << k.second);
    REQUIRE_FALSE(live(k));
  }
  for (std::uint32_t i = 0; i < setup_.members.size(); ++i)
    REQUIRE(is_group_finished(machine_.member_status(i)));
  if (setup_.members.size() > 1 && x.status == status::failed_canceled)
    REQUIRE(canceled_);
}

bool group_world::live(attempt_key k) const {
  const auto at = driver_.find(k);
  return at != driver_.end() && at->second == life::started && told_ends_.count(k) == 0;
}

void group_world::make_durable() {
  durable_ = rows_;
  durably_noted_ = noted_;
  for (const auto& [k, row] : rows_)
    if (row.status != status::unspecified)
      committed_.insert(k);
  for (const auto& x : removes_)
    driver_[{x.task.value, x.attempt}] = life::gone;
  removes_.clear();
}

void group_world::crash() {
  ++crashes_;
  rows_ = durable_;
  noted_ = durably_noted_;
  removes_.clear();
  messages_.clear();
  timers_.clear();
  pool_holds_ = false;
  group_row_ = status::unspecified;
  machine_ = group_machine{setup_};
  std::vector<recorded_member> members;
  for (std::uint32_t i = 0; i < setup_.members.size(); ++i) {
    const auto task = setup_.first_task.value + i;
    recorded_member m;
    while (rows_.count({task, m.attempt + 1}) != 0)
      ++m.attempt;
    m.status = rows_[attempt_key{task, m.attempt}].status;
    const attempt_key k{task, m.attempt};
    if (m.status > status::waiting && !is_finished(m.status)) {
      const auto at = driver_.find(k);
      const auto state = at == driver_.end() ? life::gone : at->second;
      m.found = state == life::started ? (dice_.chance(50) ? found::running : found::exited)
                : state == life::lost  ? found::lost
                                       : found::never_started;
      if (m.found == found::never_started) {
        driver_.erase(k);
        // An attempt whose start failed left nothing behind: the driver may start it.
        ever_started_.erase(k);
        stopped_.erase(k);
      }
      if (state == life::started) {
        auto how = random_exit();
        if (stopped_.count(k) == 1 && dice_.chance(50))
          how = {killed, killed - 128, false, {}};
        messages_.push_back(driver_answer{driver_answer::exited, {task_index{task}, m.attempt}, {}, how});
      }
    }
    members.push_back(m);
  }
  carry_out(machine_.resume(members, {}, noted_));
  if (canceled_ && !finished_)
    carry_out(machine_.cancel("enough", false));
}

attempt_exit group_world::random_exit() {
  constexpr std::int32_t codes[] = {0, 0, 0, 1, 7, 7, 137};
  attempt_exit how;
  how.code = codes[dice_.below(7)];
  how.signal = how.code == 137 ? 9 : 0;
  how.out_of_memory = how.code == 137 && dice_.chance(50);
  return how;
}

error group_world::random_error() {
  return dice_.chance(70) ? error{ec::unavailable, "not now"} : error{ec::start_failed, "no such command"};
}

} // namespace muster::test
