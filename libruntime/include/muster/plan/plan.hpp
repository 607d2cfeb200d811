#pragma once

#include "muster/base/array_view.hpp"
#include "muster/base/ids.hpp"
#include "muster/base/result.hpp"
#include "muster/plan/name_index.hpp"
#include "muster/spec/model.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace muster {

/// What a plan knows of its workflow as a whole.
struct plan_header {
  std::string name;
  std::map<std::string, std::string> labels;
  std::string pool;
  spec::timeouts timeout;
};

/// A group as the store keeps it. Views: of the plan they came from, or of whatever the caller builds a plan from.
struct group_row {
  std::string_view name;
  bool barrier = true;
  bool ignore_nonlead_status = true;
  array_view<group_index> upstream; ///< Ascending, without repetition.
};

/// A task as the store keeps it; views likewise.
struct task_row {
  std::string_view name;
  group_index group;
  bool lead = false;
  std::string_view resource; ///< `spec::encode(resource)`, defaults filled in.
  std::string_view body;     ///< `spec::encode(task)` without name, lead and resource key.
};

/// An input that reads a task of another, earlier workflow.
struct external_input {
  task_index task;           ///< The task that reads.
  std::string workflow;      ///< Id of the earlier workflow, `<name>-<n>`.
  std::string upstream_task; ///< Name of the task that it reads there.
};

/// The tasks of one group: positions `first` to `first + count - 1`.
struct task_range {
  task_index first;
  std::uint32_t count = 0;
};

/// A workflow that was checked and laid out for running: groups, tasks, and the edges between groups. Immutable and
/// compact: names and bodies lie in pools, edges in offset arrays, equal bodies and resources are kept once.
/// Groups and tasks are numbered in the order of the spec; the tasks of a group are neighbours.
///
/// A workflow that grows while it runs has several plans: its base, which may be empty, and later *chunks*, whose
/// groups and tasks are numbered on from where the chunk before ended. Numbers are those of the workflow everywhere:
/// iterate from `first_group()` to `end_group()`, not from 0. A group of a chunk may name groups of earlier chunks as
/// its upstream; those have been dealt with before the chunk came to be, so neither `roots` nor `levels` counts them.
class plan {
public:
  [[nodiscard]] const plan_header& header() const noexcept { return header_; }
  [[nodiscard]] const std::string& name() const noexcept { return header_.name; }

  [[nodiscard]] std::uint32_t group_count() const noexcept { return static_cast<std::uint32_t>(groups_.size()); }
  [[nodiscard]] std::uint32_t task_count() const noexcept { return static_cast<std::uint32_t>(tasks_.size()); }

  /// The number of the first group, and one more than that of the last; equal if there is none.
  [[nodiscard]] group_index first_group() const noexcept { return group_index{first_group_}; }
  [[nodiscard]] group_index end_group() const noexcept { return group_index{first_group_ + group_count()}; }
  /// Likewise for tasks.
  [[nodiscard]] task_index first_task() const noexcept { return task_index{first_task_}; }
  [[nodiscard]] task_index end_task() const noexcept { return task_index{first_task_ + task_count()}; }
  /// Whether the group is one of this plan.
  [[nodiscard]] bool has(group_index g) const noexcept {
    return g.value >= first_group_ && g.value - first_group_ < group_count();
  }
  /// Whether this is all of a workflow, or the beginning of it.
  [[nodiscard]] bool is_from_start() const noexcept { return first_group_ == 0 && first_task_ == 0; }

  // -- groups; `has(g)` must hold

  [[nodiscard]] std::string_view group_name(group_index g) const noexcept;
  [[nodiscard]] bool barrier(group_index g) const noexcept { return at(g).barrier; }
  [[nodiscard]] bool ignore_nonlead_status(group_index g) const noexcept { return at(g).ignore_nonlead; }
  [[nodiscard]] task_range tasks(group_index g) const noexcept;
  [[nodiscard]] task_index lead(group_index g) const noexcept { return task_index{first_task_ + at(g).lead}; }
  /// The groups that must complete before `g` may begin, those of earlier chunks included.
  [[nodiscard]] array_view<group_index> upstream(group_index g) const noexcept;
  /// The groups of this plan that wait for `g`.
  [[nodiscard]] array_view<group_index> downstream(group_index g) const noexcept;

  // -- tasks

  [[nodiscard]] std::string_view task_name(task_index t) const noexcept;
  [[nodiscard]] group_index group_of(task_index t) const noexcept { return group_index{first_group_ + at(t).group}; }
  [[nodiscard]] bool is_lead(task_index t) const noexcept { return lead(group_of(t)) == t; }
  /// What the task needs, with defaults filled in: 1 CPU, no GPU, 1 GiB of memory and of storage.
  [[nodiscard]] const spec::resource& resource(task_index t) const noexcept;
  /// The task in full, decoded on each call. Fails with `ec::store_corrupt` if the stored body is damaged.
  [[nodiscard]] result<spec::task> task(task_index t) const;
  /// The exit actions of a task alone; cheap for the many tasks that have none. Fails likewise.
  [[nodiscard]] result<std::vector<spec::exit_rule>> exit_actions(task_index t) const;

  /// The inputs of all tasks that read other workflows.
  [[nodiscard]] const std::vector<external_input>& external_inputs() const noexcept { return external_; }

  // -- by name, exact case

  [[nodiscard]] std::optional<group_index> find_group(std::string_view name) const noexcept;
  [[nodiscard]] std::optional<task_index> find_task(std::string_view name) const noexcept;

  // -- rows, for the store

  [[nodiscard]] group_row row(group_index g) const noexcept;
  [[nodiscard]] task_row row(task_index t) const noexcept;

  // -- shape

  /// For each group, `first_group()` first, the length of the longest chain of upstream groups in this plan: 0 for
  /// those that may begin at once.
  [[nodiscard]] std::vector<std::uint32_t> levels() const;
  /// The groups without upstream in this plan, in order.
  [[nodiscard]] std::vector<group_index> roots() const;
  /// Bytes that the plan holds, itself included.
  [[nodiscard]] std::size_t memory_bytes() const noexcept;

private:
  friend class plan_builder;

  // Numbers in entries count from 0 within this plan; those in `upstream_` and `downstream_` are of the workflow.
  struct group_entry {
    std::uint32_t name_end = 0; ///< Its name ends there in `group_names_`; it begins where the one before ends.
    std::uint32_t first_task = 0;
    std::uint32_t lead = 0;
    std::uint32_t upstream_end = 0;
    std::uint32_t downstream_end = 0;
    bool barrier = true;
    bool ignore_nonlead = true;
  };
  struct task_entry {
    std::uint32_t name_end = 0;
    std::uint32_t group = 0;
    std::uint32_t resource = 0;
    std::uint32_t body = 0;
  };

  [[nodiscard]] const group_entry& at(group_index g) const noexcept { return groups_[g.value - first_group_]; }
  [[nodiscard]] const task_entry& at(task_index t) const noexcept { return tasks_[t.value - first_task_]; }
  /// How many of these groups are of this plan.
  [[nodiscard]] std::uint32_t own(array_view<group_index> groups) const noexcept;

  plan_header header_;
  std::uint32_t first_group_ = 0;
  std::uint32_t first_task_ = 0;
  std::vector<group_entry> groups_;
  std::vector<task_entry> tasks_;
  std::string group_names_;
  std::string task_names_;
  std::vector<group_index> upstream_;
  std::vector<group_index> downstream_;
  std::string bodies_;
  std::vector<std::uint64_t> body_ends_;
  std::vector<spec::resource> resources_;
  std::vector<std::string> resource_texts_;
  name_index groups_by_name_;
  name_index tasks_by_name_;
  std::vector<external_input> external_;
};

/// Lays out a checked spec. Fails with `ec::invalid_spec` on what the spec's rules exclude: an unknown upstream task, a
/// group without or with two leads, a cycle, a name twice.
[[nodiscard]] result<plan> make_plan(const spec::workflow& source);

} // namespace muster
