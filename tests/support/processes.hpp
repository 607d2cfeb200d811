#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace muster::test {

/// Processes, found in /proc, whose initial environment holds `text`. Zombies are not counted.
[[nodiscard]] std::vector<pid_t> processes_with_environment(const std::string& text);

/// Processes with `argument` as one of the words of their command line. Zombies are not counted.
[[nodiscard]] std::vector<pid_t> processes_with_argument(const std::string& argument);

/// The same without what they forked that runs no program of its own yet, and so has their words.
[[nodiscard]] std::vector<pid_t> programs_with_argument(const std::string& argument);

/// CPU time that a process has used, in seconds; 0 of one that is gone.
[[nodiscard]] double cpu_seconds(pid_t of);

/// The warden of a state directory; 0 if none lives.
[[nodiscard]] pid_t warden_of(const std::filesystem::path& state);

/// Asks until the answer is yes; false at the deadline.
[[nodiscard]] bool eventually(const std::function<bool()>& is_so,
                              std::chrono::milliseconds deadline = std::chrono::seconds(30));

/// Empty when, before the deadline, nothing is left that was started for this state directory, neither an attempt nor
/// the warden; else what is left.
[[nodiscard]] std::string left_behind(const std::filesystem::path& state,
                                      std::chrono::milliseconds deadline = std::chrono::seconds(30));

/// Kills the warden and all attempts of a state directory: for the end of a test, however it ended.
class cleaner {
public:
  explicit cleaner(std::filesystem::path state) : state_(std::move(state)) {}
  ~cleaner();
  cleaner(const cleaner&) = delete;
  cleaner& operator=(const cleaner&) = delete;

private:
  std::filesystem::path state_;
};

} // namespace muster::test
