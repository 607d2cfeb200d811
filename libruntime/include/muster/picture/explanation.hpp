#pragma once

#include "muster/base/result.hpp"
#include "muster/state/status.hpp"
#include "muster/store/reader.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// Why a task waits, was not run, or was run although it is marked `cache`: for people and programs, from the store.
namespace muster::picture {

/// A task whose end took others along.
struct cause {
  std::string task;
  muster::status status = muster::status::failed;
  std::string reason;
  std::vector<cause> behind; ///< What its own end came from; at most `most_causes`.
  std::uint64_t more_behind = 0;
};

/// How many elements a `foreach` has, and how they are.
struct element_counts {
  std::uint32_t total = 0, running = 0, completed = 0, failed = 0, skipped = 0;
};

/// What the cache had to say of a task.
struct cache_answer {
  std::string key; ///< Empty if there was none to ask by.
  std::string text;
};

/// What is known of one task or step.
struct explanation {
  std::string name;                   ///< Of the task, or path of the step.
  bool is_step = false;               ///< It is a step that is no task, or has none yet.
  std::optional<group_index> group{}; ///< Of a task that has not ended.
  muster::status status = muster::status::waiting;
  std::string reason; ///< Why it waits, or what became of it; empty if there is nothing to say.
  std::optional<cache_answer> cache;
  std::optional<element_counts> elements; ///< Of a `foreach`.
  std::vector<cause> causes;              ///< Of an end without a run; at most `most_causes`.
  std::uint64_t more_causes = 0;
  bool wrote_log = false; ///< It failed itself, so its log may say why.
};

/// All of a workflow of which there is something to say.
struct explanations {
  std::vector<explanation> items; ///< At most `most_explained`.
  std::uint64_t more = 0;         ///< How many are not among them.
};

constexpr std::size_t most_explained = 50; ///< Tasks and steps.
constexpr std::size_t most_causes = 5;     ///< Of each.

/// Why this workflow's tasks are as they are: each that is not COMPLETED, and each that the cache has said something
/// of.
[[nodiscard]] result<explanations> explain(store::reader& reader, const store::workflow_record& workflow);

/// The same of one task, or of the step at that path; of the innermost step around it where it has not begun.
/// `not_found` says which names are near.
[[nodiscard]] result<explanation> explain(store::reader& reader, const store::workflow_record& workflow,
                                          const std::string& name);

} // namespace muster::picture
