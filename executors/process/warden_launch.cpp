#include "executors/process/warden_launch.hpp"

#include "executors/process/warden/memory_program.hpp"
#include "executors/process/warden/socket_address.hpp"
#include "executors/process/warden/warden_arguments.hpp"
#include "muster/base/posix.hpp"

#include <cerrno>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

asm(".pushsection .rodata\n"
    ".hidden muster_warden_begin\n"
    ".hidden muster_warden_end\n"
    ".globl muster_warden_begin\n"
    ".globl muster_warden_end\n"
    "muster_warden_begin:\n"
    ".incbin \"" MUSTER_WARDEN "\"\n"
    "muster_warden_end:\n"
    ".popsection\n");
extern "C" const char muster_warden_begin[];
extern "C" const char muster_warden_end[];

namespace muster::process {

namespace {

constexpr std::chrono::seconds launch_deadline{10};

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

/// Before `main`, whatever that changes.
[[gnu::constructor]] void note_start() {
  static_cast<void>(files_at_start());
  static_cast<void>(policy_at_start());
}

std::string_view warden_bytes() {
  return {muster_warden_begin, static_cast<std::size_t>(muster_warden_end - muster_warden_begin)};
}

result<unique_fd> connect_once(const std::string& folder) {
  const auto at = address_in(folder);
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

/// Starts a program whose standard error is `errors`; 0, or a number of errno.
int start(const char* program, const std::vector<std::string>& words, int errors, pid_t& pid) {
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (const auto& word : words) // posix_spawn does not write through them.
    arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, errors, 2);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  if (policy_at_start() == SCHED_OTHER) {
    const sched_param none{};
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSCHEDULER);
    posix_spawnattr_setschedpolicy(&attributes, SCHED_OTHER);
    posix_spawnattr_setschedparam(&attributes, &none);
  }
  const int failed = ::posix_spawn(&pid, program, &actions, &attributes, arguments.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return failed;
}

/// The warden's program as a file of the folder.
result<std::string> program_in(const std::string& folder) {
  auto file = folder + "/program";
  const auto fresh = file + '.' + std::to_string(::getpid()); // Another program may do the same.
  unique_fd to{::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700)};
  const bool is_written = to && write_all(to.get(), warden_bytes());
  int failed = is_written ? 0 : errno;
  to.reset();
  if (is_written && ::rename(fresh.c_str(), file.c_str()) != 0)
    failed = errno;
  if (failed == 0)
    return file;
  ::unlink(fresh.c_str());
  return os_error("cannot write the warden's program, " + file, failed);
}

/// Likewise the warden's program: from memory, or from a file of the folder where the host runs nothing from memory.
result<pid_t> start_warden(const std::string& folder, const std::vector<std::string>& words, int errors) {
  pid_t pid = -1;
  if (const auto image = program_in_memory(warden_name, warden_bytes()))
    if (start(("/proc/self/fd/" + std::to_string(image.get())).c_str(), words, errors, pid) == 0)
      return pid;
  const auto file = program_in(folder);
  if (!file)
    return file.failure();
  if (const int failed = start(file->c_str(), words, errors, pid); failed != 0)
    return os_error("cannot start a warden, " + *file, failed);
  return pid;
}

/// Starts a warden and waits until it listens. `conflict` if there is one already.
result<void> launch(const std::string& folder, const warden_options& options) {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return os_error("cannot make a pipe", errno);
  const unique_fd reading{ends[0]};
  unique_fd writing{ends[1]};
  const auto words = to_arguments({folder, options, static_cast<std::int64_t>(files_at_start())});
  const auto pid = start_warden(folder, words, writing.get());
  if (!pid)
    return pid.failure();
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
  while (::waitpid(*pid, &status, 0) < 0 && errno == EINTR) {
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
