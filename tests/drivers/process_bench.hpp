#pragma once

#include "executors/process/process_driver.hpp"
#include "harness.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

/// What tests of the process driver share.
namespace muster::test {

/// A process driver at work on a state directory of its own.
struct process_bench {
  explicit process_bench(process_config config = {});
  /// On a state directory that an earlier bench used.
  explicit process_bench(const std::filesystem::path& state);
  ~process_bench();

  driver* operator->() { return driver_.get(); }
  /// An attempt that runs `script` with /bin/sh.
  [[nodiscard]] attempt_spec shell(const std::string& script, std::uint32_t task = 0) const;
  history prepare(const attempt_spec& x);
  /// Prepares and starts; waits for the start.
  history start(const attempt_spec& x);
  /// All of it, to the end.
  history run(const attempt_spec& x);
  history run(const std::string& script) { return run(shell(script)); }
  /// What the attempt wrote.
  [[nodiscard]] static std::string log_of(const attempt_spec& x);
  /// The process id of the warden.
  [[nodiscard]] pid_t warden() const;

  std::unique_ptr<scratch> own_dir;
  std::filesystem::path state;
  recorder heard;
  std::unique_ptr<driver> driver_;
};

/// The text of a file; empty if there is none.
[[nodiscard]] std::string read_text(const std::filesystem::path& path);
void write_text(const std::filesystem::path& path, const std::string& text);

/// It exists and is no zombie.
[[nodiscard]] bool is_alive(pid_t pid);

/// Living processes that carry the attempt's folder in their environment, or whose command line holds `word`.
[[nodiscard]] std::vector<pid_t> processes_with(const std::string& word);

/// Number that `sleep` gets, so that a process can be found by its command line.
[[nodiscard]] std::string unique_seconds();
/// A `sleep` of so many seconds runs.
[[nodiscard]] bool sleeps(const std::string& seconds);

} // namespace muster::test
