#pragma once

#include "muster/state/status.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace muster::test {

/// What must have become of a task of the crash workflow, whenever the runtime was killed.
struct expected_task {
  std::string name;
  muster::status status = muster::status::completed;
  std::int32_t exit_code = 0;
  std::uint32_t least_attempts = 1;
  std::uint32_t most_attempts = 1;
};

/// A workflow of 200 tasks, whose end is the same however often its runtime was killed. Either of all kinds: tasks on
/// their own, gangs that end with their lead, chains that hand data on, retries and other exit actions, a failure and
/// what it takes with it. Or of tasks on their own that take a few milliseconds, so that others are started when they
/// end, and some that do not.
class crash_workflow {
public:
  enum class kind { mixed, short_tasks };

  /// Each attempt writes its id into `marks`/starts, one line to the file of its own name.
  crash_workflow(std::filesystem::path marks, kind what);

  [[nodiscard]] unsigned max_parallel() const noexcept { return of_ == kind::mixed ? 24 : 4; }
  /// There if more short tasks ran at the same time.
  [[nodiscard]] std::filesystem::path too_many() const { return marks_ / "too-many"; }

  [[nodiscard]] const std::string& spec() const noexcept { return text_; }
  [[nodiscard]] const std::vector<expected_task>& expected() const noexcept { return expected_; }
  [[nodiscard]] std::filesystem::path starts() const { return marks_ / "starts"; }
  /// What the chains wrote at their ends; each should be `6`.
  [[nodiscard]] std::vector<std::filesystem::path> chain_ends() const;

private:
  void begin_group(const std::string& name);
  void add(const expected_task& what, const std::string& script, const std::string& more = {}, bool lead = true);
  void add_all_kinds();
  void add_short_tasks();
  void add_chain(int number);
  void add_gang(int number, bool retries);

  std::filesystem::path marks_;
  kind of_;
  std::string text_;
  std::vector<expected_task> expected_;
};

} // namespace muster::test
