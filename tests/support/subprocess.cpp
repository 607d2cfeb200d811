#include "support/subprocess.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <stdexcept>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace muster::test {

namespace {

/// A descriptor that gives `text` and then ends: no writer is needed, so none can block.
int input_of(const std::string& text) {
  const int file = ::memfd_create("input", 0);
  if (file < 0 || ::write(file, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    throw std::runtime_error("cannot make an input");
  ::lseek(file, 0, SEEK_SET);
  return file;
}

struct channel {
  int ours = -1;
  int theirs = -1;
};

channel make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    throw std::runtime_error("cannot make a pipe");
  return {ends[0], ends[1]};
}

channel make_terminal() {
  winsize size{};
  size.ws_col = 100;
  size.ws_row = 30;
  channel x;
  if (::openpty(&x.ours, &x.theirs, nullptr, nullptr, &size) != 0)
    throw std::runtime_error("cannot make a terminal");
  ::fcntl(x.ours, F_SETFD, FD_CLOEXEC);
  ::fcntl(x.theirs, F_SETFD, FD_CLOEXEC);
  return x;
}

[[noreturn]] void become(const command& what, int in, int out, int err) {
  ::setsid();
  ::signal(SIGHUP, SIG_DFL); // Under nohup(1) it is ignored, by programs that are started there as well.
  ::dup2(in, STDIN_FILENO);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(err, STDERR_FILENO);
  for (const auto& [name, value] : what.env) {
    if (value)
      ::setenv(name.c_str(), value->c_str(), 1);
    else
      ::unsetenv(name.c_str());
  }
  std::vector<char*> argv;
  for (const auto& word : what.argv)
    argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  ::execvp(argv[0], argv.data());
  ::_exit(127);
}

void close_if_open(int& descriptor) {
  if (descriptor >= 0)
    ::close(descriptor);
  descriptor = -1;
}

/// Appends what can be read; closes the descriptor at its end. A terminal ends with EIO.
void take(int& descriptor, std::string& into) {
  constexpr std::size_t most = 16 * 1024 * 1024;
  std::array<char, 65536> buffer{};
  const auto got = ::read(descriptor, buffer.data(), buffer.size());
  if (got > 0) {
    into.append(buffer.data(), static_cast<std::size_t>(got));
    if (into.size() > most)
      into.erase(0, into.size() - most);
  } else if (got == 0 || (errno != EINTR && errno != EAGAIN)) {
    close_if_open(descriptor);
  }
}

} // namespace

subprocess::subprocess(const command& what) {
  const int in = input_of(what.input);
  const auto out = what.terminal ? make_terminal() : make_pipe();
  const auto err = what.terminal ? channel{} : make_pipe();
  pid_ = ::fork();
  if (pid_ == 0)
    become(what, in, out.theirs, what.terminal ? out.theirs : err.theirs);
  ::close(in);
  ::close(out.theirs);
  if (err.theirs >= 0)
    ::close(err.theirs);
  out_ = out.ours;
  err_ = err.ours;
  if (pid_ < 0)
    throw std::runtime_error("cannot fork");
}

subprocess::~subprocess() {
  if (pid_ > 0)
    reap(true);
  close_if_open(out_);
  close_if_open(err_);
}

void subprocess::signal(int number) {
  if (pid_ > 0) // Of one that was waited for, this would be a signal to all.
    ::kill(pid_, number);
}

bool subprocess::read_some(std::chrono::steady_clock::time_point until) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
  if (left.count() <= 0)
    return false;
  std::array<pollfd, 2> watched{pollfd{out_, POLLIN, 0}, pollfd{err_, POLLIN, 0}};
  if (::poll(watched.data(), watched.size(), static_cast<int>(left.count())) <= 0)
    return false;
  if (watched[0].revents != 0)
    take(out_, outcome_.out);
  if (watched[1].revents != 0)
    take(err_, outcome_.err);
  return true;
}

bool subprocess::wait_for(const std::string& text, std::chrono::milliseconds deadline) {
  const auto until = std::chrono::steady_clock::now() + deadline;
  while (outcome_.out.find(text) == std::string::npos)
    if (out_ < 0 || !read_some(until))
      return false;
  return true;
}

bool subprocess::ended() const {
  siginfo_t facts{};
  return ::waitid(P_PID, static_cast<id_t>(pid_), &facts, WEXITED | WNOHANG | WNOWAIT) == 0 && facts.si_pid != 0;
}

void subprocess::reap(bool kill_first) {
  if (kill_first)
    ::kill(-pid_, SIGKILL);
  int state = 0;
  while (::waitpid(pid_, &state, 0) < 0 && errno == EINTR)
    continue;
  outcome_.exit_code = WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
  pid_ = -1;
}

outcome subprocess::finish(std::chrono::milliseconds deadline) {
  if (pid_ < 0)
    return outcome_;
  const auto until = std::chrono::steady_clock::now() + deadline;
  while (out_ >= 0 || err_ >= 0)
    if (!read_some(until)) {
      outcome_.timed_out = true;
      break;
    }
  reap(outcome_.timed_out);
  if (outcome_.timed_out)
    outcome_.err += "(killed: it had not ended after " + std::to_string(deadline.count() / 1000) + " s)\n";
  return outcome_;
}

outcome run(const command& what, std::chrono::milliseconds deadline) {
  return subprocess(what).finish(deadline);
}

} // namespace muster::test
