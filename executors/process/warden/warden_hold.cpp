#include "executors/process/warden/exit_message.hpp"
#include "executors/process/warden/holder.hpp"
#include "executors/process/warden/warden_state.hpp"

#include <cerrno>
#include <cstdio>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

// What a warden does about attempts that are to start together: their processes are made early, and held.

namespace muster::process {

void warden_state::hold(wire::start_request what, warden_news& out) {
  const auto id = what.id;
  const auto answer = [&](const result<void>& made) {
    if (made)
      return;
    wire::write(out.frames,
                wire::held_message{id, static_cast<std::uint8_t>(made.failure().code), made.failure().message});
    out.can_wait = false;
  };
  if (attempts_.count(id) != 0)
    return answer({ec::conflict, "attempt " + to_string(id) + " was started before"});
  held_.drop(id);
  if (what.refuse_code != 0 || !held_.can_hold())
    return held_.add(std::move(what));
  std::optional<attempt_cgroup> cgroup;
  if (what.limits) {
    auto made = make_cgroup(what);
    if (!made)
      return answer(made.failure());
    cgroup = *std::move(made);
  }
  answer(held_.make(std::move(what), cgroup));
  if (cgroup)
    remove_cgroup(*std::move(cgroup));
}

/// The others of their gang wait for the last of them.
void warden_state::say_held(warden_news& out) {
  const auto arrived = held_.arrived();
  for (const auto id : arrived)
    wire::write(out.frames, wire::held_message{id, 0, {}});
  if (!arrived.empty() && !held_.expects_more())
    out.can_wait = false;
}

void warden_state::release(attempt_id id, warden_news& out) {
  auto held = held_.take(id);
  const auto refuse = [&](ec code, std::string text) {
    wire::write(out.frames, wire::started_message{id, 0, static_cast<std::uint8_t>(code), std::move(text)});
    out.can_wait = false;
  };
  if (!held)
    return refuse(ec::not_found, "attempt " + to_string(id) + " is not held");
  if (held->pid == 0)
    return start(held->request, out);
  const auto& what = held->request;
  const auto log_path = what.folder + ".log";
  // The mark that it was started comes first.
  if (::renameat2(AT_FDCWD, held_log(what.folder).c_str(), AT_FDCWD, log_path.c_str(), RENAME_NOREPLACE) != 0) {
    const int number = errno;
    held_.end(std::move(*held));
    return number == EEXIST
               ? refuse(ec::conflict, "attempt " + to_string(id) + " was started before: " + log_path + " exists")
               : refuse(ec::io_error, "cannot make " + log_path + ": " + std::generic_category().message(number));
  }
  auto& x = attempts_[id];
  x.record.id = id;
  x.record.sandboxed = what.sandboxed ? 1 : 0;
  x.record.pid = held->pid;
  x.record.first_tick = held->first_tick;
  x.record.last_tick = held->last_tick;
  x.record.started_us = wall_clock_us();
  x.folder = what.folder;
  x.hands_on = !what.keeps_place;
  x.cgroup = std::move(held->cgroup);
  x.line = std::move(held->line);
  x.program = own_program(what);
  begin_to_run(x, out);
  to_let_go_.push_back(&x);
}

/// Those of one batch together: the marks are made by now, and nothing stands between the first and the last.
void warden_state::let_go_released() {
  for (const auto* x : to_let_go_)
    let_go(x->line, x->record.sandboxed != 0);
  to_let_go_.clear();
}

/// The process of one that was held is there before it is known whether its program can be executed.
void warden_state::take_exec_failure(tracked& x) {
  const auto number = exec_failure(x.line);
  x.line.reset();
  if (!number)
    return;
  x.record.code = exec_failure_code(*number);
  x.record.signal = 0;
  x.record.what = static_cast<std::uint8_t>(wire::note::exec_failed);
  x.record.detail = *number;
  const unique_fd log{::open((x.folder + ".log").c_str(), O_WRONLY | O_APPEND | O_CLOEXEC)};
  if (log)
    static_cast<void>(write_all(log.get(), exec_complaint(x.program, *number)));
}

} // namespace muster::process
