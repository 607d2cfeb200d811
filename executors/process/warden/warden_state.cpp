#include "executors/process/warden/warden_state.hpp"

#include "executors/process/warden/exit_message.hpp"
#include "executors/process/warden/spawn.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>
#include <unordered_set>

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace muster::process {

namespace {

constexpr std::int64_t look_every_us = 500'000;
constexpr std::int64_t survivors_every_us = 50'000;
/// A driver that launches a warden asks for its attempts at once, and so says where they are.
constexpr std::int64_t wait_for_folder_us = 10'000'000;

std::string text_of(int number) {
  return std::generic_category().message(number);
}

} // namespace

warden_state::warden_state(const std::string& folder, record_file records, const warden_options& options, int null_fd)
    : cgroups_(folder), strays_(cgroups_.leftovers()), strays_until_us_(steady_clock_us() + wait_for_folder_us),
      records_(std::move(records)), options_(options), null_fd_(null_fd), held_(null_fd) {
  load();
}

void warden_state::load() {
  for (const auto& [id, record] : records_.live()) {
    auto& x = attempts_[id];
    x.record = record;
    if (record.at == attempt_record::state::ended)
      x.at = tracked::phase::ended;
    else if (record.at == attempt_record::state::lost)
      x.at = tracked::phase::lost;
    else
      watch_survivor(x);
  }
  end_strays(0);
}

void warden_state::close() {
  for (const auto& x : to_remove_)
    static_cast<void>(x.remove());
  cgroups_.close();
}

// -- requests

void warden_state::start(const wire::start_request& what, warden_news& out) {
  held_.drop(what.id); // The driver does not know of it.
  const auto [at, is_new] = attempts_.try_emplace(what.id);
  auto& x = at->second;
  if (!is_new) {
    out.can_wait = false;
    say_started(x, out);
    if (!x.alive())
      say_ended(x, out);
    return;
  }
  const auto refuse = [&](ec code, std::string text) {
    wire::write(out.frames, wire::started_message{what.id, 0, static_cast<std::uint8_t>(code), std::move(text)});
    out.can_wait = false;
    attempts_.erase(what.id);
  };
  const auto log_path = what.folder + ".log";
  const unique_fd log{::open(log_path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0644)};
  if (!log && errno == EEXIST)
    return refuse(ec::conflict, "attempt " + to_string(what.id) + " was started before: " + log_path + " exists");
  if (!log)
    return refuse(ec::io_error, "cannot make " + log_path + ": " + text_of(errno));

  auto& record = x.record;
  record.id = what.id;
  record.sandboxed = what.sandboxed ? 1 : 0;
  record.first_tick = boot_ticks();
  record.started_us = wall_clock_us();
  x.folder = what.folder;
  x.hands_on = !what.keeps_place;
  std::string complaint = "muster: " + what.refuse_text + '\n';
  if (what.refuse_code != 0) {
    record.code = what.refuse_code;
    record.what = static_cast<std::uint8_t>(wire::note::refused);
  } else {
    if (what.limits) {
      auto made = make_cgroup(what);
      if (!made) {
        ::unlink(log_path.c_str());
        return refuse(made.failure().code, made.failure().message);
      }
      x.cgroup = *std::move(made);
    }
    const auto outcome = spawn(what, null_fd_, log.get(), x.cgroup ? x.cgroup->join_files() : std::vector<int>{});
    if (x.cgroup)
      x.cgroup->close_join_files();
    if (outcome.failed_at == wire::note::none && outcome.failed_number != 0) {
      ::unlink(log_path.c_str()); // Nothing ever ran: it may be tried again.
      if (x.cgroup)
        remove_cgroup(*std::move(x.cgroup));
      return refuse(ec::start_failed, "no process could be made: " + text_of(outcome.failed_number));
    }
    record.pid = outcome.pid;
    if (outcome.failed_number != 0) {
      record.code = exec_failure_code(outcome.failed_number);
      record.what = static_cast<std::uint8_t>(outcome.failed_at);
      record.detail = outcome.failed_number;
      complaint = exec_complaint(what.program, outcome.failed_number);
    }
  }
  record.last_tick = boot_ticks();
  if (record.code != 0) {
    say_started(x, out);
    static_cast<void>(write_all(log.get(), complaint));
    return finish(x, out);
  }
  begin_to_run(x, out);
}

void warden_state::begin_to_run(tracked& x, warden_news& out) {
  say_started(x, out);
  records_.put(x.record);
  mains_.emplace(x.record.pid, x.record.id);
  alive_.push_back(&x);
}

void warden_state::start_after(wire::following_start x, warden_news& out) {
  const auto before = attempts_.find(x.after);
  const bool is_over =
      before != attempts_.end() && before->second.at == tracked::phase::ended && before->second.hands_on;
  if (is_over || attempts_.count(x.what.id) != 0)
    return start(x.what, out);
  waiting_.add(std::move(x));
}

void warden_state::go(attempt_id id, warden_news& out) {
  if (const auto x = waiting_.take(id))
    start(*x, out);
}

void warden_state::stop(const wire::stop_request& what, warden_news& out) {
  if (waiting_.take(what.id)) {
    wire::exited_message never;
    never.id = what.id;
    never.signal = SIGTERM;
    never.code = 128 + SIGTERM;
    never.ended_us = wall_clock_us();
    wire::write(out.frames, never);
    out.can_wait = false;
    return;
  }
  held_.drop(what.id);
  const auto at = attempts_.find(what.id);
  if (at == attempts_.end() || !at->second.alive())
    return;
  auto& x = at->second;
  x.hands_on = false;
  const auto due = steady_clock_us() + std::max<std::int64_t>(0, what.grace_us);
  const bool first = x.kill_at_us == 0;
  x.kill_at_us = first ? due : std::min(x.kill_at_us, due);
  for (auto& [pid, left] : orphans_)
    if (left.kill_at_us != 0 && left.owners.size() == 1 && left.owners.front() == what.id)
      left.kill_at_us = std::min(left.kill_at_us, x.kill_at_us);
  must_scan_ = true;
  if (first && what.grace_us > 0)
    ask_to_end(x);
}

void warden_state::forget(attempt_id id) {
  const auto at = attempts_.find(id);
  if (at == attempts_.end() || at->second.alive())
    return;
  auto record = at->second.record;
  record.at = attempt_record::state::forgotten;
  records_.put(record);
  attempts_.erase(at);
}

void warden_state::query(const std::vector<wire::query_item>& items, warden_news& out) {
  std::vector<std::uint8_t> answers;
  answers.reserve(items.size());
  for (const auto& item : items)
    answers.push_back(static_cast<std::uint8_t>(look_up(item)));
  wire::write_answer(out.frames, answers);
  out.can_wait = false;
  for (std::size_t i = 0; i < items.size(); ++i)
    if (answers[i] == static_cast<std::uint8_t>(adoption::exited))
      say_ended(attempts_.at(items[i].id), out);
}

adoption warden_state::look_up(const wire::query_item& item) {
  const auto at = attempts_.find(item.id);
  if (at != attempts_.end()) {
    at->second.folder = item.folder;
    switch (at->second.at) {
      case tracked::phase::running:
      case tracked::phase::sweeping: return adoption::running;
      case tracked::phase::ended: return adoption::exited;
      case tracked::phase::lost: return adoption::lost;
    }
  }
  if (::access((item.folder + ".log").c_str(), F_OK) != 0)
    return adoption::never_started;
  // Its warden was killed between the start and the record. What it started may still run.
  auto left = survivors_of(0, item.folder);
  if (const auto stray = strays_.find(to_string(item.id)); stray != strays_.end())
    for (const auto pid : stray->second.processes())
      left.push_back(pid);
  if (left.empty())
    return adoption::lost;
  auto& x = attempts_[item.id];
  x.folder = item.folder;
  x.record.id = item.id;
  x.record.pid = *std::min_element(left.begin(), left.end());
  if (const auto facts = facts_of(x.record.pid))
    x.record.first_tick = x.record.last_tick = facts->start_ticks;
  records_.put(x.record);
  watch_survivor(x);
  return adoption::running;
}

void warden_state::say_started(const tracked& x, warden_news& out) const {
  wire::write(out.frames, wire::started_message{x.record.id, x.record.started_us, 0, {}});
}

void warden_state::say_ended(const tracked& x, warden_news& out) const {
  const auto& r = x.record;
  if (x.at == tracked::phase::lost)
    return wire::write(out.frames, wire::lost_message{r.id, "its warden was killed, so nobody saw how process " +
                                                                std::to_string(r.pid) +
                                                                " ended; nothing of the attempt runs any more"});
  wire::write(out.frames, wire::exited_message{r.id, r.code, r.signal, static_cast<wire::note>(r.what), r.detail,
                                               r.started_us, r.ended_us});
}

// -- what happens by itself

void warden_state::advance(warden_news& out) {
  let_go_released();
  reap();
  say_held(out);
  const auto now = steady_clock_us();
  if (now >= next_look_us_) {
    guard_logs();
    end_strays(now);
    must_scan_ = must_scan_ || !idle();
    next_look_us_ = now + look_every_us;
  }
  check_survivors(now);
  if (must_scan_)
    scan_children();
  kill_due(now);
  end_orphans(now);
  finish_swept(out);
  start_followers(out);
}

/// Those whose places are free now, unless they were stopped since. One that cannot run may make way for the next.
void warden_state::start_followers(warden_news& out) {
  while (!handing_on_.empty())
    for (const auto id : std::exchange(handing_on_, {}))
      if (const auto next = waiting_.take_follower(id))
        start(*next, out);
}

void warden_state::reap() {
  int status = 0;
  pid_t pid = 0;
  while ((pid = ::waitpid(-1, &status, WNOHANG)) > 0) {
    must_scan_ = true;
    const auto at = mains_.find(pid);
    if (at == mains_.end()) {
      orphans_.erase(pid);
      held_.reaped(pid);
      continue;
    }
    main_ended(attempts_.at(at->second), status);
    mains_.erase(at);
  }
  for (auto& x : held_.take_cgroups())
    remove_cgroup(std::move(x));
}

void warden_state::main_ended(tracked& x, int status) {
  auto& r = x.record;
  if (x.cgroup && x.cgroup->ran_out_of_memory())
    r.what = static_cast<std::uint8_t>(wire::note::out_of_memory);
  x.at = tracked::phase::sweeping;
  r.ended_us = wall_clock_us();
  if (WIFSIGNALED(status)) {
    r.signal = WTERMSIG(status);
    r.code = 128 + r.signal;
    return;
  }
  r.code = WEXITSTATUS(status);
  // Bubblewrap passes a signal on as a shell does.
  if (r.sandboxed != 0 && r.code > 128 && r.code - 128 < 32)
    r.signal = r.code - 128;
  if (x.line)
    take_exec_failure(x);
}

std::vector<possible_owner> warden_state::possible_owners() const {
  std::vector<possible_owner> out;
  out.reserve(alive_.size());
  for (const auto* x : alive_)
    out.push_back({x->record.id, x->folder, x->record.pid, x->record.first_tick});
  return out;
}

void warden_state::scan_children() {
  must_scan_ = false;
  children_list_.read(children_);
  std::vector<possible_owner> owners;
  for (const auto pid : children_) {
    if (mains_.count(pid) != 0 || orphans_.count(pid) != 0 || held_.owns(pid))
      continue;
    const auto facts = facts_of(pid);
    if (!facts)
      continue;
    if (owners.empty())
      owners = possible_owners();
    auto& left = orphans_[pid];
    left.facts = *facts;
    if (const auto owner = owner_by_cgroup(pid))
      left.owners = {*owner};
    else
      left.owners = owners_of(*facts, initial_environment(pid, owner_variable), owners, known_sessions_);
    if (left.owners.size() == 1)
      known_sessions_[facts->session] = left.owners.front();
  }
}

void warden_state::end_orphans(std::int64_t now) {
  for (auto& [pid, left] : orphans_) {
    auto& owners = left.owners;
    owners.erase(std::remove_if(owners.begin(), owners.end(),
                                [&](attempt_id id) {
                                  const auto at = attempts_.find(id);
                                  return at == attempts_.end() || !at->second.alive();
                                }),
                 owners.end());
    if (left.kill_at_us == 0) {
      auto due = now + options_.leftover_grace.count() * 1000;
      if (owners.size() > 1)
        continue;
      if (owners.size() == 1) {
        auto& owner = attempts_.at(owners.front());
        if (owner.at == tracked::phase::running && owner.kill_at_us == 0)
          continue; // A task may run helpers while it lives.
        if (owner.kill_at_us != 0)
          due = owner.kill_at_us;
        if (!owner.asked.insert(pid).second) {
          left.kill_at_us = due;
          continue;
        }
        ++owner.record.detail;
      }
      left.kill_at_us = due;
      if (due > now)
        end_politely(pid, left.facts.group);
    }
    if (!left.killed && now >= left.kill_at_us) {
      // It may have changed its group since it was first seen.
      const auto facts = facts_of(pid);
      end_now(pid, facts ? facts->group : 0);
      left.killed = true;
    }
  }
}

void warden_state::ask_to_end(tracked& x) {
  const auto pid = x.record.pid;
  if (x.at == tracked::phase::sweeping)
    return; // Its orphans are asked one by one.
  if (x.record.sandboxed == 0) {
    end_survivor(x, SIGTERM);
    return end_politely(pid, pid);
  }
  // Bubblewrap itself would die of the signal and take the exit code with it: its child is asked.
  const auto children = children_of(pid);
  for (const auto child : children)
    if (const auto facts = facts_of(child))
      end_politely(child, facts->group == pid ? 0 : facts->group);
  if (children.empty())
    end_politely(pid, 0);
}

void warden_state::kill_main(tracked& x) {
  end_survivor(x, SIGKILL);
  if (x.cgroup)
    return x.cgroup->kill_all();
  if (x.at != tracked::phase::running)
    return;
  if (x.record.sandboxed != 0)
    for (const auto child : children_of(x.record.pid))
      if (const auto facts = facts_of(child))
        end_now(child, facts->group);
  end_now(x.record.pid, x.record.pid);
}

void warden_state::kill_due(std::int64_t now) {
  for (auto* x : alive_)
    if (x->kill_at_us != 0 && !x->killed && now >= x->kill_at_us) {
      kill_main(*x);
      x->killed = true;
    }
}

void warden_state::finish_swept(warden_news& out) {
  std::unordered_set<attempt_id> held;
  for (const auto& [pid, left] : orphans_)
    if (left.owners.size() == 1)
      held.insert(left.owners.front());
  const auto over = [&](tracked* x) {
    if (x->at != tracked::phase::sweeping || held.count(x->record.id) != 0)
      return false;
    if (x->is_looked_for() && !x->swept_clean)
      return false;
    if (x->survivor && x->folder.empty() && steady_clock_us() < x->give_up_us)
      return false;
    finish(*x, out);
    return true;
  };
  alive_.erase(std::remove_if(alive_.begin(), alive_.end(), over), alive_.end());
}

void warden_state::finish(tracked& x, warden_news& out) {
  auto& r = x.record;
  if (r.ended_us == 0)
    r.ended_us = wall_clock_us();
  if (r.detail > 0 && r.what == 0)
    r.what = static_cast<std::uint8_t>(wire::note::leftovers_killed);
  const bool lost = x.survivor && x.sure_signal == 0;
  if (x.sure_signal != 0) {
    r.signal = x.sure_signal;
    r.code = 128 + x.sure_signal;
  }
  if (x.cgroup)
    remove_cgroup(*std::exchange(x.cgroup, std::nullopt));
  x.at = lost ? tracked::phase::lost : tracked::phase::ended;
  r.at = lost ? attempt_record::state::lost : attempt_record::state::ended;
  records_.put(r);
  for (auto it = known_sessions_.begin(); it != known_sessions_.end();)
    it = it->second == r.id ? known_sessions_.erase(it) : std::next(it);
  if (!x.folder.empty())
    static_cast<void>(guard_log(x.folder + ".log", options_.logs));
  x.folder = {};
  say_ended(x, out);
  const auto next = lost || !x.hands_on ? std::nullopt : waiting_.follower_of(r.id);
  // While another is in stock for the place, nothing is lost if the driver hears of this one later, with others.
  out.can_wait = out.can_wait && next && waiting_.follower_of(*next);
  if (next)
    handing_on_.push_back(r.id);
}

void warden_state::guard_logs() {
  for (auto* x : alive_) {
    if (!x->folder.empty())
      static_cast<void>(guard_log(x->folder + ".log", options_.logs));
    if (x->line && is_over(x->line))
      x->line.reset();
  }
}

std::int64_t warden_state::next_due() const {
  if (idle())
    return 0;
  auto due = next_look_us_;
  const auto sooner = [&](std::int64_t at) { due = std::min(due, at); };
  for (const auto* x : alive_) {
    if (x->kill_at_us != 0 && !x->killed)
      sooner(x->kill_at_us);
    if ((x->is_looked_for() && x->at == tracked::phase::sweeping) || (x->survivor && x->kill_at_us != 0))
      sooner(steady_clock_us() + survivors_every_us);
  }
  for (const auto& [pid, left] : orphans_)
    if (left.kill_at_us != 0 && !left.killed)
      sooner(left.kill_at_us);
  return due;
}

std::vector<int> warden_state::survivor_files() const {
  std::vector<int> out;
  for (const auto* x : alive_)
    if (x->pid_file)
      out.push_back(x->pid_file.get());
  return out;
}

} // namespace muster::process
