#include "executors/process/warden.hpp"

#include "executors/process/spawn.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

namespace muster::process {

namespace {

/// The program's name when the executable that holds this code is started to be a warden.
constexpr const char* warden_name = "muster-warden";
constexpr int code_already_lives = 3;
constexpr std::chrono::seconds launch_deadline{10};

/// The address of a socket in `folder`, however long its path is: by way of the open folder.
struct socket_address {
  unique_fd folder;
  sockaddr_un address{};
};

result<socket_address> address_of(const std::string& folder, const char* name) {
  socket_address out;
  out.folder.reset(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!out.folder)
    return os_error("cannot open " + folder, errno);
  const auto path = "/proc/self/fd/" + std::to_string(out.folder.get()) + '/' + name;
  out.address.sun_family = AF_UNIX;
  std::memcpy(out.address.sun_path, path.c_str(), path.size() + 1);
  return out;
}

/// How many files this program might open when it began. A head raises its own limit; tasks keep this one, for some
/// programs cannot live with another.
rlim_t files_at_start() {
  static const rlim_t limit = [] {
    rlimit files{};
    return ::getrlimit(RLIMIT_NOFILE, &files) == 0 ? files.rlim_cur : RLIM_INFINITY;
  }();
  return limit;
}

/// How this program was scheduled when it began. Threads of it may wait for others since (`interrupt_nobody`); tasks
/// do not.
int policy_at_start() {
  static const int policy = ::sched_getscheduler(0);
  return policy;
}

// -- in the launched process

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
  const auto at = address_of(folder, "socket");
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

std::int64_t number_argument(const char* text) {
  std::int64_t out = 0;
  std::from_chars(text, text + std::strlen(text), out);
  return out;
}

void limit_files(std::int64_t most) {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0)
    return;
  files.rlim_cur = std::min(static_cast<rlim_t>(most), files.rlim_max);
  static_cast<void>(::setrlimit(RLIMIT_NOFILE, &files));
}

/// Argument 1 is the folder, then the numbers of `warden_options` and the limit of open files.
int warden_main(int argc, char** argv) {
  if (argc != 7)
    return 2;
  drop_inherited_files();
  settle_signals();
  take_short_slice();
  const std::string folder = argv[1];
  warden_options options;
  options.logs.most = number_argument(argv[2]);
  options.logs.head = number_argument(argv[3]);
  options.logs.tail = number_argument(argv[4]);
  options.leftover_grace = std::chrono::milliseconds{number_argument(argv[5])};
  limit_files(number_argument(argv[6]));

  auto lock = take_lock(folder);
  if (!lock) {
    static_cast<void>(write_all(2, lock.failure().message));
    return lock.failure().code == ec::conflict ? code_already_lives : 1;
  }
  auto listener = listen_in(folder);
  if (!listener) {
    static_cast<void>(write_all(2, listener.failure().message));
    return 1;
  }
  // No folder is kept busy.
  if (::chdir("/") != 0) {
    static_cast<void>(write_all(2, os_error("cannot change to the folder /", errno).message));
    return 1;
  }
  // Orphans of tasks become ours; the launcher is told by the end of its child.
  const pid_t child = ::fork();
  if (child != 0)
    return child < 0 ? 1 : 0;
  ::setsid();
  ::dup2(0, 2);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  ::prctl(PR_SET_NAME, warden_name, 0, 0, 0);
  return run_warden(folder, *std::move(listener), options);
}

/// Runs before `main` of any program that is linked with the process driver: when it was started to be a warden, it is
/// one, and `main` never begins. So no program can forget to ask.
[[gnu::constructor]] void become_warden(int argc, char** argv, char** /*environment*/) {
  static_cast<void>(files_at_start());
  static_cast<void>(policy_at_start());
  if (argc > 0 && std::strcmp(argv[0], warden_name) == 0)
    ::_exit(warden_main(argc, argv));
}

// -- in the process that launches

result<unique_fd> connect_once(const std::string& folder) {
  const auto at = address_of(folder, "socket");
  if (!at)
    return at.failure();
  unique_fd out{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  if (!out)
    return os_error("cannot make a socket", errno);
  if (::connect(out.get(), reinterpret_cast<const sockaddr*>(&at->address), sizeof at->address) != 0)
    return error{ec::unavailable, "no warden listens in " + folder + ": " + std::strerror(errno)};
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(out.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || (peer.uid != ::geteuid() && peer.uid != 0))
    return error{ec::warden_lost, "the warden in " + folder + " runs as another user"};
  ::fcntl(out.get(), F_SETFL, O_NONBLOCK);
  return out;
}

/// Starts a warden and waits until it listens. `conflict` if there is one already.
result<void> launch(const std::string& folder, const warden_options& options) {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return os_error("cannot make a pipe", errno);
  const unique_fd reading{ends[0]};
  unique_fd writing{ends[1]};

  const std::string numbers[] = {std::to_string(options.logs.most), std::to_string(options.logs.head),
                                 std::to_string(options.logs.tail), std::to_string(options.leftover_grace.count()),
                                 std::to_string(static_cast<std::int64_t>(files_at_start()))};
  // posix_spawn does not write through them.
  const auto plain = [](const char* text) { return const_cast<char*>(text); };
  char* const arguments[] = {
      plain(warden_name),        plain(folder.c_str()),     plain(numbers[0].c_str()), plain(numbers[1].c_str()),
      plain(numbers[2].c_str()), plain(numbers[3].c_str()), plain(numbers[4].c_str()), nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, writing.get(), 2);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  if (policy_at_start() == SCHED_OTHER) {
    const sched_param none{};
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSCHEDULER);
    posix_spawnattr_setschedpolicy(&attributes, SCHED_OTHER);
    posix_spawnattr_setschedparam(&attributes, &none);
  }
  pid_t pid = -1;
  const int failed = ::posix_spawn(&pid, "/proc/self/exe", &actions, &attributes, arguments, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0)
    return os_error("cannot start a warden", failed);
  writing.reset();

  std::string said;
  char part[512];
  for (;;) {
    const auto n = ::read(reading.get(), part, sizeof part);
    if (n > 0)
      said.append(part, static_cast<std::size_t>(n));
    else if (n == 0 || errno != EINTR)
      break;
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
    return {};
  if (WIFEXITED(status) && WEXITSTATUS(status) == code_already_lives)
    return error{ec::conflict, said};
  return error{ec::warden_lost, "the warden did not start: " + (said.empty() ? "no reason given" : said)};
}

} // namespace

result<unique_fd> connect_to_warden(const std::filesystem::path& state, const warden_options& options) {
  std::error_code failed;
  const auto folder = std::filesystem::absolute(state, failed) / "warden";
  std::filesystem::create_directories(folder, failed);
  if (failed)
    return error{ec::io_error, "cannot make the folder " + folder.string() + ": " + failed.message()};
  if (::chmod(folder.c_str(), 0700) != 0)
    return os_error("cannot keep others out of " + folder.string(), errno);

  const auto give_up = std::chrono::steady_clock::now() + launch_deadline;
  for (;;) {
    auto connected = connect_once(folder);
    if (connected || connected.failure().code != ec::unavailable)
      return connected;
    const auto launched = launch(folder, options);
    if (!launched && launched.failure().code != ec::conflict)
      return launched.failure();
    if (std::chrono::steady_clock::now() >= give_up)
      return error{ec::warden_lost, launched ? connected.failure().message : launched.failure().message};
    if (!launched) // One that is just beginning or just ending holds the lock.
      ::poll(nullptr, 0, 5);
  }
}

} // namespace muster::process
