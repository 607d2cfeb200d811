#pragma once

#include "muster/api/result.hpp"
#include "muster/api/value.hpp"
#include "muster/api/workflow.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

MUSTER_API_BEGIN

/// The status of a workflow, step or task. Names and meanings are those of docs/running.md.
enum class status : std::uint8_t {
  unspecified = 0,
  pending = 1,
  submitting = 2,
  waiting = 3,
  processing = 4,
  scheduling = 5,
  initializing = 6,
  running = 7,
  completed = 20,
  rescheduled = 21, ///< Of an attempt: it has ended, and another follows.
  skipped = 22,
  failed = 30,
  failed_canceled = 31,
  failed_server_error = 32,
  failed_backend_error = 33,
  failed_exec_timeout = 34,
  failed_queue_timeout = 35,
  failed_image_pull = 36,
  failed_upstream = 37,
  failed_evicted = 38,
  failed_start_error = 39,
  failed_start_timeout = 40,
  failed_preempted = 41,
  failed_submission = 42,
};

/// `RUNNING`, `FAILED_UPSTREAM`.
[[nodiscard]] MUSTER_API std::string_view to_string(status x) noexcept;
/// Whether it has ended, as COMPLETED, SKIPPED or any FAILED.
[[nodiscard]] constexpr bool is_finished(status x) noexcept {
  return x >= status::completed && x != status::rescheduled;
}

/// How a workflow ended.
struct outcome {
  api::status status = api::status::unspecified;
  std::string reason; ///< Of a failure: of the workflow, and of the first tasks that failed.
  [[nodiscard]] bool completed() const noexcept { return status == api::status::completed; }
};

/// A task as it stands.
struct task_state {
  std::string name; ///< Full: `outer.train.3`.
  api::status status = api::status::unspecified;
  std::string reason;
  std::uint32_t attempts = 0;
  std::optional<std::int32_t> exit_code; ///< Of the latest attempt, once it has ended.
  std::string node;                      ///< Where that ran.
};

/// Something that happened to a workflow, and is durable.
struct event {
  std::uint64_t sequence = 0; ///< Counts up, over all workflows of a state directory.
  std::chrono::system_clock::time_point time;
  std::string type;  ///< `workflow.submitted`, `task.status`, ...
  std::string group; ///< Empty where it is not about one.
  std::string task;  ///< Likewise.
  std::uint32_t attempt = 0;
  api::status status = api::status::unspecified;
  std::optional<std::int32_t> exit_code;
  std::string text; ///< Why, for people.
};

/// Whatever runs workflows for a `run`; made by a runtime.
class run_backend;

/// One submitted workflow. A handle, from any thread; it keeps what runs it alive.
class MUSTER_API run {
public:
  [[nodiscard]] const std::string& id() const noexcept; ///< `<name>-<n>`
  /// What was done about the workflow that its author may not expect.
  [[nodiscard]] const std::vector<std::string>& notes() const noexcept;

  /// Waits for its end. Fails if the runtime itself does.
  [[nodiscard]] api::result<outcome> wait() const;
  /// The same for so long at most; nothing if it has not ended by then.
  [[nodiscard]] api::result<std::optional<outcome>> wait(std::chrono::milliseconds limit) const;
  [[nodiscard]] api::result<api::status> status() const;

  /// The result of a step: of a task what it wrote, of a map a list in the order of its items (null for those without
  /// one) or what it was reduced to, of a nested workflow its own. `conflict` if it has not ended, `not_found` if it
  /// gave none. What is not a plain task or an element of one is known when the whole workflow has ended.
  [[nodiscard]] api::result<value> result(const step& of) const;
  [[nodiscard]] api::result<value> result(const element& of) const;
  [[nodiscard]] api::result<value> result(const std::string& path) const; ///< Such as `outer.1.train.3`.
  /// The result of the whole workflow, once it is COMPLETED.
  [[nodiscard]] api::result<value> result() const;

  /// What a task wrote to stdout and stderr, in its latest attempt: at most the last `most` bytes.
  [[nodiscard]] api::result<std::string> logs(const step& of, std::size_t most = 16U << 20U) const;
  [[nodiscard]] api::result<std::string> logs(const element& of, std::size_t most = 16U << 20U) const;
  [[nodiscard]] api::result<std::string> logs(const std::string& task, std::size_t most = 16U << 20U) const;
  /// Passes on what a task writes as it comes, over all attempts, until the task has ended. Waits for the task to
  /// start. `on_text` is called on this thread; it returns false to stop.
  [[nodiscard]] api::result<void> follow_logs(const std::string& task,
                                              const std::function<bool(std::string_view)>& on_text) const;

  /// How a task stands. `not_found` for what is no task, or not known yet.
  [[nodiscard]] api::result<task_state> task(const std::string& name) const;

  /// Ends it: FAILED_CANCELED. Returns once the request is durable. With `force` without grace for tasks that run.
  [[nodiscard]] api::result<void> cancel(const std::string& reason, bool force = false) const;

  /// Every event of it, from the first that is still kept on, in order, until its end; on a thread of the runtime, one
  /// call at a time. `on_end`, unless empty, is called once after them: with an error where they could not be followed
  /// to the end, as when a head stays away. Neither is called any more once the last handle is gone.
  void on_event(std::function<void(const event&)> use, std::function<void(const api::result<void>&)> on_end = {}) const;

private:
  friend class head;
  friend class local_runtime;
  explicit run(std::shared_ptr<run_backend> x) noexcept : backend_(std::move(x)) {}
  std::shared_ptr<run_backend> backend_;
};

/// Where and how a runtime within this process runs tasks.
struct local_options {
  /// Empty: as the `muster` command has it, `$MUSTER_STATE_DIR` or `~/.local/state/muster`. One process at a time
  /// writes.
  std::filesystem::path state_directory;
  std::string pool = "process";   ///< `process`: of this host. `docker`: containers. `null`: nothing runs, for trials.
  std::string docker_host;        ///< Such as `unix:///run/docker.sock`; empty: as the docker command has it.
  std::string pull = "missing";   ///< When images are pulled: `always`, `missing`, `never`.
  std::uint32_t max_parallel = 0; ///< Tasks at once; 0 for as many as fit.
  double oversubscribe = 1.0;     ///< Takes the machine for so many times as large, where tasks are light.
  /// Indices of this host's GPUs for tasks. Unset: those that NVML finds, if the NVIDIA driver is installed.
  std::optional<std::vector<std::uint32_t>> gpus;
  bool enforce_limits = false;                  ///< `process`: by control groups.
  bool keep_work = false;                       ///< `process`: working folders stay.
  std::uint32_t max_retries = 3;                ///< That `exit_action::reschedule` makes, per task.
  std::chrono::milliseconds stop_grace{10'000}; ///< Between the polite signal and the kill.
};

/// Muster within this process. Tasks are no children of it: they outlive it, and `resume` finds them again. From any
/// thread.
class MUSTER_API local_runtime {
public:
  [[nodiscard]] static result<local_runtime> start(const local_options& options = {});

  /// Accepts a workflow and starts it; returns once that is durable. `parameters` are values for those of the
  /// workflow. `invalid_spec` with all that is wrong; `never_fits` for what this machine is too small for.
  [[nodiscard]] result<run> submit(const workflow& x, const dict& parameters = {});
  /// The same of a spec's text, templates included.
  [[nodiscard]] result<run> submit_yaml(std::string_view spec, const dict& parameters = {});
  /// Takes up a workflow that an earlier runtime left unfinished.
  [[nodiscard]] result<run> resume(const std::string& id);
  /// Runs what did not complete of a finished workflow once more, under the same id; with `from` also that step and
  /// all
  /// that depends on it. `conflict` if it has not finished, or if there is nothing to be run.
  [[nodiscard]] result<run> retry(const std::string& id, const std::string& from = {});
  /// A workflow of this state directory that has ended or runs here, to look at.
  [[nodiscard]] result<run> find(const std::string& id);

  class impl;

private:
  explicit local_runtime(std::shared_ptr<impl> x) noexcept : impl_(std::move(x)) {}
  std::shared_ptr<impl> impl_;
};

MUSTER_API_END
