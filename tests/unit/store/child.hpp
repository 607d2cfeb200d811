#pragma once

#include "support/catch.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <exception>
#include <functional>
#include <string>

namespace muster::store {

/// A forked process that tells numbers through a pipe. It must not use Catch2.
class child {
public:
  using tell = std::function<void(std::uint64_t)>;

  explicit child(const std::function<void(const tell&)>& body) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      ::close(ends[0]);
      try {
        body([out = ends[1]](std::uint64_t x) { (void)!::write(out, &x, sizeof x); });
        ::_exit(0);
      } catch (...) {
        ::_exit(99);
      }
    }
    ::close(ends[1]);
    in_ = ends[0];
  }
  ~child() {
    kill();
    ::close(in_);
  }
  child(const child&) = delete;
  child& operator=(const child&) = delete;

  /// The next number; false when it has ended and all were read.
  bool next(std::uint64_t& x) const { return ::read(in_, &x, sizeof x) == static_cast<ssize_t>(sizeof x); }

  /// Ends it with SIGKILL and waits.
  void kill() {
    if (pid_ > 0)
      ::kill(pid_, SIGKILL);
    wait();
  }

  /// Its exit code; -1 if a signal ended it.
  int wait() {
    if (pid_ > 0) {
      int how = 0;
      ::waitpid(pid_, &how, 0);
      code_ = WIFEXITED(how) ? WEXITSTATUS(how) : -1;
      pid_ = -1;
    }
    return code_;
  }

  [[nodiscard]] pid_t pid() const { return pid_; }

private:
  pid_t pid_ = -1;
  int in_ = -1;
  int code_ = -1;
};

/// Runs `body` in a forked process and hands back what it says: empty if all is well. A process of its own may change
/// its user or its mounts.
inline std::string in_child(const std::function<std::string()>& body) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const auto pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    std::string said;
    try {
      said = body();
    } catch (const std::exception& problem) {
      said = std::string{"exception: "} + problem.what();
    }
    (void)!::write(ends[1], said.data(), said.size());
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string out;
  char buffer[512];
  for (ssize_t got = 0; (got = ::read(ends[0], buffer, sizeof buffer)) > 0;)
    out.append(buffer, static_cast<std::size_t>(got));
  ::close(ends[0]);
  int how = 0;
  ::waitpid(pid, &how, 0);
  if (!WIFEXITED(how) || WEXITSTATUS(how) != 0)
    out += "; the process ended badly";
  return out;
}

} // namespace muster::store
