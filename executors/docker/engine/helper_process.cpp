#include "executors/docker/engine/helper_process.hpp"

#include "muster/base/posix.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace muster::docker {

namespace {

using clock = std::chrono::steady_clock;

constexpr std::size_t largest_output = 1U << 20U;

/// Waits until `fd` can be read; false at the deadline.
bool ready(int fd, clock::time_point until) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - clock::now()).count();
    if (left <= 0)
      return false;
    pollfd one{fd, POLLIN, 0};
    const int count = ::poll(&one, 1, static_cast<int>(std::min<decltype(left)>(left, 60'000)));
    if (count > 0 || (count < 0 && errno != EINTR))
      return true; // what follows meets the same error
  }
}

/// A program that is killed, and waited for, if it still runs at the end.
class child {
public:
  explicit child(pid_t pid) noexcept : pid_(pid) {}
  child(const child&) = delete;
  child& operator=(const child&) = delete;
  ~child() {
    if (pid_ < 0)
      return;
    ::kill(pid_, SIGKILL);
    static_cast<void>(wait());
  }

  /// Its exit code, as shells count; nothing if it still runs at the deadline.
  std::optional<int> reap(clock::time_point until) {
    const unique_fd handle(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    if (handle && !ready(handle.get(), until))
      return std::nullopt;
    return wait();
  }

private:
  int wait() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  pid_t pid_;
};

/// Default signals for the child, nothing blocked, and only the three standard descriptors.
class spawn_settings {
public:
  spawn_settings(int in, int out) {
    posix_spawn_file_actions_init(&files_);
    posix_spawn_file_actions_adddup2(&files_, in, 0);
    posix_spawn_file_actions_adddup2(&files_, out, 1);
    posix_spawn_file_actions_addopen(&files_, 2, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_init(&attributes_);
    sigset_t all{};
    sigset_t none{};
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  }
  ~spawn_settings() {
    posix_spawn_file_actions_destroy(&files_);
    posix_spawnattr_destroy(&attributes_);
  }
  spawn_settings(const spawn_settings&) = delete;
  spawn_settings& operator=(const spawn_settings&) = delete;

  [[nodiscard]] const posix_spawn_file_actions_t* files() const noexcept { return &files_; }
  [[nodiscard]] const posix_spawnattr_t* attributes() const noexcept { return &attributes_; }

private:
  posix_spawn_file_actions_t files_{};
  posix_spawnattr_t attributes_{};
};

result<pid_t> start(const std::vector<std::string>& argv, int in, int out) {
  std::vector<char*> arguments;
  for (const auto& argument : argv)
    arguments.push_back(const_cast<char*>(argument.c_str())); // NOLINT: posix_spawn does not write to them
  arguments.push_back(nullptr);
  const spawn_settings settings(in, out);
  pid_t pid = -1;
  const int problem =
      ::posix_spawnp(&pid, arguments[0], settings.files(), settings.attributes(), arguments.data(), environ);
  if (problem != 0)
    return error{ec::unavailable, "cannot start " + argv.front() + ": " + std::strerror(problem)};
  return pid;
}

/// Everything it writes until it closes its end.
result<std::string> read_all(int fd, clock::time_point until, const std::string& name) {
  std::string output;
  while (true) {
    if (!ready(fd, until))
      return error{ec::timed_out, name + " did not answer in time"};
    std::array<char, 4096> buffer{};
    const auto count = ::read(fd, buffer.data(), buffer.size());
    if (count > 0)
      output.append(buffer.data(), static_cast<std::size_t>(count));
    else if (count == 0 || errno != EINTR)
      return output;
    if (output.size() > largest_output)
      return error{ec::limit_exceeded, name + " writes more than a credential can be"};
  }
}

/// A file in memory that holds `text`, read from its beginning.
unique_fd file_of(const std::string& text) {
  unique_fd file(::memfd_create("muster-helper-input", MFD_CLOEXEC));
  if (file && (!write_all(file.get(), text) || ::lseek(file.get(), 0, SEEK_SET) != 0))
    file.reset();
  return file;
}

} // namespace

result<helper_outcome> run_helper(const std::vector<std::string>& argv, const std::string& input,
                                  std::chrono::milliseconds deadline) {
  const auto until = clock::now() + deadline;
  const auto in = file_of(input);
  std::array<int, 2> ends{-1, -1};
  if (!in || ::pipe2(ends.data(), O_CLOEXEC) != 0)
    return os_error("cannot talk to " + argv.front(), errno);
  const unique_fd ours(ends[0]);
  unique_fd theirs(ends[1]);
  const auto pid = start(argv, in.get(), theirs.get());
  if (!pid)
    return pid.failure();
  child running(*pid);
  theirs.reset();
  auto output = read_all(ours.get(), until, argv.front());
  if (!output)
    return output.failure();
  const auto code = running.reap(until);
  if (!code)
    return error{ec::timed_out, argv.front() + " did not end in time"};
  return helper_outcome{*code, std::move(*output)};
}

} // namespace muster::docker
