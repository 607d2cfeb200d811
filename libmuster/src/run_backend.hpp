#pragma once

#include "muster/api/runtime.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace muster::api {

/// What a `run` asks of whatever runs its workflow: this process today. Steps are known by their paths.
class run_backend {
public:
  virtual ~run_backend() = default;

  [[nodiscard]] virtual const std::string& id() const noexcept = 0;
  [[nodiscard]] virtual const std::vector<std::string>& notes() const noexcept = 0;
  /// Without a limit it answers only when the workflow has ended.
  [[nodiscard]] virtual result<std::optional<outcome>> wait(std::optional<std::chrono::milliseconds> limit) = 0;
  [[nodiscard]] virtual result<status> current_status() = 0;
  /// Of the step at `path`; of the whole workflow if that is empty.
  [[nodiscard]] virtual result<value> result_of(const std::string& path) = 0;
  [[nodiscard]] virtual result<std::string> logs(const std::string& task, std::size_t most) = 0;
  [[nodiscard]] virtual result<void> follow_logs(const std::string& task,
                                                 const std::function<bool(std::string_view)>& on_text) = 0;
  [[nodiscard]] virtual result<task_state> task(const std::string& name) = 0;
  [[nodiscard]] virtual result<void> cancel(const std::string& reason, bool force) = 0;
  /// `on_end` may be empty.
  virtual void on_event(std::function<void(const event&)> use, std::function<void(const result<void>&)> on_end) = 0;
};

} // namespace muster::api
