#include "executors/process/warden/held_starts.hpp"

#include "executors/process/warden/holder.hpp"
#include "executors/process/warden/orphans.hpp"
#include "executors/process/warden/procfs.hpp"
#include "muster/base/posix.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

namespace muster::process {

namespace {

/// Half of the files that may be open: what is not held must start all the same.
std::size_t half_of_files() {
  rlimit files{};
  return ::getrlimit(RLIMIT_NOFILE, &files) == 0 ? static_cast<std::size_t>(files.rlim_cur / 2) : 0;
}

/// Both ends of the line: that of the caller, and that of the process.
std::optional<std::array<unique_fd, 2>> make_line() {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return std::nullopt;
  std::array<unique_fd, 2> out{unique_fd{ends[0]}, unique_fd{ends[1]}};
  out[1].reset(::fcntl(ends[1], F_DUPFD_CLOEXEC, lowest_hold_file));
  if (!out[1])
    return std::nullopt;
  return out;
}

} // namespace

std::string held_log(const std::string& folder) {
  return folder + "/held.log";
}

void let_go(const unique_fd& line, bool like_a_shell) {
  const char word = like_a_shell ? 's' : 'x';
  // Should its process have been killed in this moment, its end tells.
  static_cast<void>(::send(line.get(), &word, 1, MSG_NOSIGNAL | MSG_DONTWAIT));
}

std::optional<int> exec_failure(const unique_fd& line) {
  std::array<char, 8> said{};
  const auto count = ::recv(line.get(), said.data(), said.size(), MSG_DONTWAIT);
  // One that was let go before it was waited for says first that it is there.
  int number = 0;
  if (count != sizeof number && count != sizeof number + 1)
    return std::nullopt;
  std::memcpy(&number, said.data() + count - sizeof number, sizeof number);
  return number;
}

bool is_over(const unique_fd& line) {
  char next = 0;
  const auto count = ::recv(line.get(), &next, 1, MSG_DONTWAIT | MSG_PEEK);
  return count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR);
}

held_starts::held_starts(int null_fd)
    : null_fd_(null_fd), holder_(open_holder()), news_(::epoll_create1(EPOLL_CLOEXEC)), most_(half_of_files()) {}

void held_starts::add(wire::start_request x) {
  const auto id = x.id;
  held_[id].request = std::move(x);
  without_.push_back(id);
}

result<void> held_starts::make(wire::start_request x, std::optional<attempt_cgroup>& cgroup) {
  const auto log_path = held_log(x.folder);
  ::unlink(log_path.c_str()); // Of one that was held before, under a head that is gone.
  const unique_fd log{::open(log_path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0644)};
  if (!log)
    return os_error("cannot make " + log_path, errno);
  held_start held;
  auto line = make_line();
  spawn_outcome outcome;
  if (line) {
    held.first_tick = boot_ticks();
    outcome = spawn(held_request(x), null_fd_, log.get(), cgroup ? cgroup->join_files() : std::vector<int>{},
                    {(*line)[1].get(), holder_.get()});
    held.last_tick = boot_ticks();
  }
  if (cgroup)
    cgroup->close_join_files();
  const bool has_failed = outcome.failed_number != 0;
  if (!line || has_failed)
    ::unlink(log_path.c_str());
  if (has_failed && outcome.failed_at == wire::note::none)
    return error{ec::start_failed, os_error("no process could be made", outcome.failed_number).message};
  if (!line || has_failed) {
    if (cgroup)
      cgroups_.push_back(*std::exchange(cgroup, std::nullopt));
    add(std::move(x));
    return {};
  }
  held.pid = outcome.pid;
  held.line = std::move((*line)[0]);
  held.cgroup = std::exchange(cgroup, std::nullopt);
  held.request = std::move(x);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = held.pid;
  static_cast<void>(::epoll_ctl(news_.get(), EPOLL_CTL_ADD, held.line.get(), &event));
  const auto id = held.request.id;
  pids_[held.pid] = id;
  held_[id] = std::move(held);
  return {};
}

std::optional<held_start> held_starts::take(attempt_id id) {
  const auto at = held_.find(id);
  if (at == held_.end())
    return std::nullopt;
  std::optional<held_start> out{std::move(at->second)};
  held_.erase(at);
  without_.erase(std::remove(without_.begin(), without_.end(), id), without_.end());
  if (out->pid == 0)
    return out;
  unwatch(*out);
  if (!is_over(out->line)) {
    pids_.erase(out->pid);
    return out;
  }
  held_start rest;
  rest.request = out->request;
  end(std::move(*out));
  return rest;
}

void held_starts::drop(attempt_id id) {
  if (auto x = take(id))
    end(std::move(*x));
}

void held_starts::drop_all() {
  while (!held_.empty())
    drop(held_.begin()->first);
}

void held_starts::end(held_start x) {
  if (x.pid == 0)
    return;
  x.line.reset();
  for (const auto child : children_of(x.pid))
    if (const auto facts = facts_of(child))
      end_now(child, facts->group);
  end_now(x.pid, x.pid);
  if (x.cgroup)
    x.cgroup->kill_all();
  ::unlink(held_log(x.request.folder).c_str());
  pids_[x.pid] = x.request.id;
  dropped_[x.pid] = std::move(x.cgroup);
}

bool held_starts::expects_more() const {
  return std::any_of(held_.begin(), held_.end(), [](const auto& x) { return x.second.pid != 0 && !x.second.is_here; });
}

std::vector<attempt_id> held_starts::arrived() {
  auto out = std::exchange(without_, {});
  if (held_.empty())
    return out;
  std::array<epoll_event, 64> events{};
  int count = 0;
  do {
    count = ::epoll_wait(news_.get(), events.data(), static_cast<int>(events.size()), 0);
    for (int i = 0; i < count; ++i) {
      const auto owner = pids_.find(events[static_cast<std::size_t>(i)].data.fd);
      const auto at = owner == pids_.end() ? held_.end() : held_.find(owner->second);
      if (at == held_.end())
        continue;
      auto& x = at->second;
      unwatch(x);
      char here = 0;
      x.is_here = ::recv(x.line.get(), &here, 1, MSG_DONTWAIT) == 1;
      if (x.is_here)
        out.push_back(at->first); // Else its end follows.
    }
  } while (count == static_cast<int>(events.size()));
  return out;
}

void held_starts::reaped(pid_t pid) {
  const auto owner = pids_.find(pid);
  if (owner == pids_.end())
    return;
  const auto id = owner->second;
  pids_.erase(owner);
  std::optional<attempt_cgroup> cgroup;
  if (const auto at = dropped_.find(pid); at != dropped_.end()) {
    cgroup = std::move(at->second);
    dropped_.erase(at);
  } else if (const auto held = held_.find(id); held != held_.end()) {
    auto& x = held->second;
    unwatch(x);
    x.line.reset();
    x.pid = 0;
    cgroup = std::exchange(x.cgroup, std::nullopt);
    ::unlink(held_log(x.request.folder).c_str());
    if (!x.is_here)
      without_.push_back(id);
  }
  if (cgroup)
    cgroups_.push_back(*std::move(cgroup));
}

void held_starts::unwatch(held_start& x) {
  if (x.line)
    static_cast<void>(::epoll_ctl(news_.get(), EPOLL_CTL_DEL, x.line.get(), nullptr));
}

} // namespace muster::process
