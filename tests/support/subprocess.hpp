#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace muster::test {

/// What to run, and how.
struct command {
  std::vector<std::string> argv;                         ///< `argv[0]` is a path, or is found in PATH.
  std::map<std::string, std::optional<std::string>> env; ///< Over this process's own; nothing removes a variable.
  std::string input;                                     ///< What its stdin gives.
  bool terminal = false; ///< stdout and stderr are one terminal of 100 columns and 30 rows.
};

/// How a program ended.
struct outcome {
  int exit_code = -1;     ///< 128 + signal when a signal ended it.
  bool timed_out = false; ///< It was killed at the deadline.
  std::string out;        ///< The last 16 MiB of what it wrote to stdout.
  std::string err;
};

/// A program that runs beside the test. Killed, with all that it started in its session, by the destructor.
class subprocess {
public:
  explicit subprocess(const command& what);
  ~subprocess();
  subprocess(const subprocess&) = delete;
  subprocess& operator=(const subprocess&) = delete;

  /// Reads until stdout holds `text`; false at the deadline or when stdout ends without it.
  bool wait_for(const std::string& text, std::chrono::milliseconds deadline = std::chrono::seconds(30));
  /// Nothing if it was waited for.
  void signal(int number);
  /// Whether it has ended by now.
  [[nodiscard]] bool ended() const;
  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  /// Reads to the end and waits; kills it at the deadline, and says so in `err`. Again: what it said the first time.
  outcome finish(std::chrono::milliseconds deadline = std::chrono::seconds(60));

private:
  bool read_some(std::chrono::steady_clock::time_point until);
  void reap(bool kill_first);

  pid_t pid_ = -1;
  int out_ = -1;
  int err_ = -1;
  outcome outcome_;
};

/// Runs a program to its end.
outcome run(const command& what, std::chrono::milliseconds deadline = std::chrono::seconds(60));

} // namespace muster::test
