// The warden's program. It has nothing but what a warden needs and no library to load, so that it is there in a
// millisecond; its bytes are part of every program that has the process driver (warden_launch.cpp).
#include "executors/process/warden/socket_address.hpp"
#include "executors/process/warden/spawn.hpp"
#include "executors/process/warden/warden_arguments.hpp"
#include "muster/base/posix.hpp"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace muster::process {

namespace {

constexpr int code_failed = 1;
constexpr int code_usage = 2;

result<unique_fd> take_lock(const std::string& folder) {
  const auto path = folder + "/lock";
  unique_fd lock{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
  if (!lock)
    return os_error("cannot open " + path, errno);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0)
    return error{ec::conflict, "another warden holds " + path};
  return lock;
}

result<unique_fd> listen_in(const std::string& folder) {
  ::unlink((folder + "/socket").c_str()); // Of a dead warden: the lock is ours.
  const auto at = address_in(folder);
  if (!at)
    return at.failure();
  unique_fd listener{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  const auto old_mask = ::umask(0177);
  const bool bound =
      listener && ::bind(listener.get(), reinterpret_cast<const sockaddr*>(&at->address), sizeof at->address) == 0;
  const int number = errno;
  ::umask(old_mask);
  if (!bound)
    return os_error("cannot make the socket " + folder + "/socket", number);
  if (::listen(listener.get(), 8) != 0)
    return os_error("cannot listen on " + folder + "/socket", errno);
  return listener;
}

/// Nothing of the launcher stays open, and 0, 1, 2 are taken.
void drop_inherited_files() {
  const int null = ::open("/dev/null", O_RDWR);
  ::dup2(null, 0);
  ::dup2(null, 1);
#ifdef SYS_close_range
  ::syscall(SYS_close_range, 3U, ~0U, 0U);
#endif
}

void limit_files(std::int64_t most) {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0)
    return;
  files.rlim_cur = std::min(static_cast<rlim_t>(most), files.rlim_max);
  static_cast<void>(::setrlimit(RLIMIT_NOFILE, &files));
}

int fail(const error& why) {
  static_cast<void>(write_all(2, why.message));
  return why.code == ec::conflict ? code_already_lives : code_failed;
}

int warden_main(const warden_arguments& told) {
  drop_inherited_files();
  settle_signals();
  take_short_slice();
  limit_files(told.open_files);
  auto lock = take_lock(told.folder);
  if (!lock)
    return fail(lock.failure());
  auto listener = listen_in(told.folder);
  if (!listener)
    return fail(listener.failure());
  // No folder is kept busy.
  if (::chdir("/") != 0)
    return fail(os_error("cannot change to the folder /", errno));
  // Orphans of tasks become ours; the launcher is told by the end of its child.
  const pid_t child = ::fork();
  if (child != 0)
    return child < 0 ? code_failed : 0;
  ::setsid();
  ::dup2(0, 2);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  ::prctl(PR_SET_NAME, warden_name, 0, 0, 0);
  return run_warden(told.folder, *std::move(listener), told.options);
}

} // namespace

} // namespace muster::process

int main(int argc, char** argv) {
  const auto told = muster::process::read_arguments(argc, argv);
  return told ? muster::process::warden_main(*told) : muster::process::code_usage;
}
