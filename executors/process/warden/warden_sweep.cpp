#include "executors/process/warden/sure_end.hpp"
#include "executors/process/warden/warden_state.hpp"

#include <csignal>

#include <sys/syscall.h>
#include <unistd.h>

// What a warden does about processes that are not its children: those of an earlier warden, and all of an attempt in a
// control group.
namespace muster::process {

namespace {

/// A driver that launches a warden asks for its attempts at once, and so says where they are.
constexpr std::int64_t wait_for_folder_us = 10'000'000;

/// The main process of the record lives; no other has got its number.
bool still_runs(const attempt_record& x) {
  const auto facts = facts_of(x.pid);
  // A tick of tolerance: the two clocks are not read at one instant.
  return facts && facts->start_ticks + 1 >= x.first_tick && facts->start_ticks <= x.last_tick + 1 &&
         facts->state != 'Z' && facts->state != 'X';
}

} // namespace

void warden_state::watch_survivor(tracked& x) {
  x.survivor = true;
  const bool same = still_runs(x.record);
  if (same)
    x.pid_file.reset(static_cast<int>(::syscall(SYS_pidfd_open, x.record.pid, 0)));
  if (same && x.folder.empty())
    x.folder = initial_environment(x.record.pid, owner_variable).value_or(std::string{});
  x.at = same ? tracked::phase::running : tracked::phase::sweeping;
  take_over_cgroup(x);
  x.give_up_us = steady_clock_us() + wait_for_folder_us;
  alive_.push_back(&x);
}

/// Only a child's end is told by the kernel; that of a survivor must not be open.
void warden_state::end_survivor(tracked& x, int signal) {
  const bool may = x.survivor && x.at == tracked::phase::running && x.sure_signal == 0 && still_runs(x.record);
  if (may && end_for_sure(x.record.pid, signal))
    x.sure_signal = signal;
}

result<attempt_cgroup> warden_state::make_cgroup(const wire::start_request& what) {
  if (!cgroups_.is_open())
    return error{ec::unsupported, "limits cannot be enforced any more on this host"};
  const auto name = to_string(what.id);
  if (const auto stray = strays_.find(name); stray != strays_.end()) { // It was held under an earlier warden.
    stray->second.kill_all();
    strays_.erase(stray);
  }
  return cgroups_.make(name, *what.limits);
}

void warden_state::take_over_cgroup(tracked& x) {
  const auto at = strays_.find(to_string(x.record.id));
  if (at == strays_.end())
    return;
  x.cgroup = std::move(at->second);
  strays_.erase(at);
}

/// Groups of attempts that are over, or that nobody knows: what is in them is nobody's any more.
void warden_state::end_strays(std::int64_t now) {
  for (auto it = strays_.begin(); it != strays_.end();) {
    const bool over = it->second.processes().empty();
    if (!over && now < strays_until_us_) {
      ++it;
      continue;
    }
    if (!over)
      it->second.kill_all();
    remove_cgroup(std::move(it->second));
    it = strays_.erase(it);
  }
  std::vector<attempt_cgroup> again;
  again.swap(to_remove_);
  for (auto& x : again)
    remove_cgroup(std::move(x));
}

/// Now, or when what was killed in it is gone.
void warden_state::remove_cgroup(attempt_cgroup x) {
  if (!x.remove())
    to_remove_.push_back(std::move(x));
}

std::optional<attempt_id> warden_state::owner_by_cgroup(pid_t pid) const {
  if (!cgroups_.is_open())
    return std::nullopt;
  const auto name = cgroups_.attempt_of(pid);
  for (const auto* x : alive_)
    if (!name.empty() && x->cgroup && to_string(x->record.id) == name)
      return x->record.id;
  return std::nullopt;
}

void warden_state::check_survivors(std::int64_t now) {
  for (auto* x : alive_) {
    if (!x->is_looked_for() || (!x->survivor && x->at == tracked::phase::running))
      continue;
    if (x->at == tracked::phase::running) {
      if (still_runs(x->record))
        continue;
      x->at = tracked::phase::sweeping;
      x->pid_file.reset();
    }
    sweep(*x, now);
  }
}

void warden_state::sweep(tracked& x, std::int64_t now) {
  const auto left = x.cgroup ? x.cgroup->processes() : survivors_of(x.record.pid, x.folder);
  x.swept_clean = left.empty();
  for (const auto pid : left) {
    if (x.kill_at_us == 0)
      x.kill_at_us = now + options_.leftover_grace.count() * 1000;
    if (now >= x.kill_at_us && x.cgroup)
      return x.cgroup->kill_all();
    const auto facts = facts_of(pid);
    const auto group = facts && !x.cgroup ? facts->group : 0; // A group's members are all named.
    if (now >= x.kill_at_us)
      end_now(pid, group);
    else if (x.asked.insert(pid).second) {
      ++x.record.detail;
      end_politely(pid, group);
    }
  }
}

} // namespace muster::process
