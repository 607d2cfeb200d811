#include "executors/process/warden/spawn.hpp"

#include "muster/base/posix.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <vector>

#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_THREAD__)
// ThreadSanitizer turns vfork into fork, whose child could not report that its exec failed. This other name of the same
// function it leaves alone; the child's calls must leave no trace in the memory that both share.
extern "C" pid_t __vfork() noexcept __attribute__((returns_twice));
#define MUSTER_VFORK __vfork
#define MUSTER_IN_CHILD __attribute__((no_sanitize("thread")))
#else
#define MUSTER_VFORK vfork
#define MUSTER_IN_CHILD
#endif

namespace muster::process {

namespace {

/// What `sched_setattr` takes, in its first version.
struct scheduling {
  std::uint32_t size = sizeof(scheduling);
  std::uint32_t policy = 0;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime =
      0; ///< Of an ordinary process since Linux 6.12: its slice in nanoseconds, 0 for the usual one.
  std::uint64_t deadline = 0;
  std::uint64_t period = 0;
};
static_assert(sizeof(scheduling) == 48);

/// How the warden was scheduled before `take_short_slice`, for its children; of size 0 if nothing was changed.
scheduling before_short_slice{0, 0, 0, 0, 0, 0, 0, 0};

/// All that the child needs, ready before it exists: between vfork and exec it may only make system calls.
struct child_plan {
  const char* program;
  const char* folder;
  char* const* arguments;
  char* const* environment;
  int null_fd;
  int log_fd;
  int argument_fd;
  const int* join;
  std::size_t join_count;
  hold_files hold;
};

struct child_report {
  int number;
  wire::note at;
};

[[noreturn]] MUSTER_IN_CHILD void run_child(const child_plan& plan, volatile child_report& report) {
  for (std::size_t i = 0; i < plan.join_count; ++i)
    if (::write(plan.join[i], "0", 1) != 1) {
      report.number = errno;
      ::_exit(127);
    }
  if (before_short_slice.size != 0)
    ::syscall(SYS_sched_setattr, 0, &before_short_slice, 0);
  ::setsid();
  ::dup2(plan.null_fd, 0);
  ::dup2(plan.log_fd, 1);
  ::dup2(plan.log_fd, 2);
  if (plan.argument_fd == 3)
    ::fcntl(3, F_SETFD, 0);
  else if (plan.argument_fd > 3)
    ::dup2(plan.argument_fd, 3);
  if (plan.hold.line >= 0) {
    ::dup2(plan.hold.line, 4);
    ::dup2(plan.hold.holder, 5);
  }
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  report.at = wire::note::chdir_failed;
  if (::chdir(plan.folder) == 0) {
    report.at = wire::note::exec_failed;
    ::execve(plan.program, plan.arguments, plan.environment);
  }
  report.number = errno;
  ::_exit(127);
}

[[gnu::noinline]] MUSTER_IN_CHILD pid_t start_child(const child_plan& plan, volatile child_report& report) {
  const pid_t pid = ::MUSTER_VFORK();
  if (pid == 0)
    run_child(plan, report);
  return pid;
}

std::vector<char*> pointers(const wire::string_list& list) {
  std::vector<char*> out;
  out.reserve(list.count + 1);
  // execve does not write through them.
  auto* at = const_cast<char*>(list.bytes.data());
  for (std::uint32_t i = 0; i < list.count; ++i) {
    out.push_back(at);
    at += std::char_traits<char>::length(at) + 1;
  }
  out.push_back(nullptr);
  return out;
}

} // namespace

void settle_signals() {
  // By the bare call: glibc keeps two signals to itself, and would not touch a disposition of theirs that was
  // inherited. All zeros is "default" in the kernel's structure on every architecture.
  const std::array<unsigned long, 16> all_default{};
  for (int signal = 1; signal < NSIG; ++signal)
    ::syscall(SYS_rt_sigaction, signal, all_default.data(), nullptr, std::size_t{8});
  sigset_t all;
  sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
}

void take_short_slice() {
  constexpr std::uint64_t shortest = 100'000;
  scheduling now;
  if (::syscall(SYS_sched_getattr, 0, &now, sizeof now, 0) != 0 || now.policy != SCHED_OTHER)
    return;
  now.size = sizeof now;
  auto wanted = now;
  wanted.runtime = shortest;
  now.runtime = 0;
  if (::syscall(SYS_sched_setattr, 0, &wanted, 0) == 0)
    before_short_slice = now;
}

spawn_outcome spawn(const wire::start_request& what, int null_fd, int log_fd, const std::vector<int>& join,
                    const hold_files& hold) {
  spawn_outcome out;
  unique_fd argument_file;
  if (!what.argument_file.empty()) {
    argument_file.reset(::open(what.argument_file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!argument_file) {
      out.failed_number = errno;
      return out;
    }
  }
  const auto arguments = pointers(what.arguments);
  const auto environment = pointers(what.environment);
  const auto folder = what.folder + "/work";
  const child_plan plan{what.program.c_str(),
                        folder.c_str(),
                        arguments.data(),
                        environment.data(),
                        null_fd,
                        log_fd,
                        argument_file.get(),
                        join.data(),
                        join.size(),
                        hold};
  volatile child_report report{0, wire::note::none};
  out.pid = start_child(plan, report);
  if (out.pid < 0) {
    out.failed_number = errno;
  } else if (report.number != 0) {
    out.failed_number = report.number;
    out.failed_at = report.at;
  }
  return out;
}

} // namespace muster::process
