#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace muster::spec {

/// Most characters of a name of a workflow, group or task.
inline constexpr std::size_t longest_name = 64;

/// A letter, then letters, digits, `-` and `_`, with a letter or digit at the end. The length is not looked at.
[[nodiscard]] bool is_name(std::string_view text) noexcept;

/// What two names are compared by: lower case, `_` as `-`.
[[nodiscard]] std::string normal_name(std::string_view name);

/// What `inputs[].task` names: a task, of this workflow or of an earlier one.
struct task_reference {
  std::string workflow; ///< Id of the earlier workflow; empty for this one.
  std::string task;
};

/// Reads `task` or `workflow-id:task`; nothing when it is neither.
[[nodiscard]] std::optional<task_reference> parse_task_reference(std::string_view text);

/// The name that a task has in the spec, and so among its gang, of its full name in a workflow: `train` of
/// `mid.1.train` and of `train.3`, `worker` of `gang.2.worker`.
[[nodiscard]] std::string_view local_name(std::string_view full_name) noexcept;

} // namespace muster::spec
