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
/// Groups and tasks are numbered from 0 in the order of the spec; the tasks of a group are neighbours.
class plan {
public:
  [[nodiscard]] const plan_header& header() const noexcept { return header_; }
  [[nodiscard]] const std::string& name() const noexcept { return header_.name; }

  [[nodiscard]] std::uint32_t group_count() const noexcept { return static_cast<std::uint32_t>(groups_.size()); }
  [[nodiscard]] std::uint32_t task_count() const noexcept { return static_cast<std::uint32_t>(tasks_.size()); }

  // -- groups; an index must be below the count

  [[nodiscard]] std::string_view group_name(group_index g) const noexcept;
  [[nodiscard]] bool barrier(group_index g) const noexcept { return groups_[g.value].barrier; }
  [[nodiscard]] bool ignore_nonlead_status(group_index g) const noexcept { return groups_[g.value].ignore_nonlead; }
  [[nodiscard]] task_range tasks(group_index g) const noexcept;
  [[nodiscard]] task_index lead(group_index g) const noexcept { return task_index{groups_[g.value].lead}; }
  /// The groups that must complete before `g` may begin.
  [[nodiscard]] array_view<group_index> upstream(group_index g) const noexcept;
  /// The groups that wait for `g`.
  [[nodiscard]] array_view<group_index> downstream(group_index g) const noexcept;

  // -- tasks

  [[nodiscard]] std::string_view task_name(task_index t) const noexcept;
  [[nodiscard]] group_index group_of(task_index t) const noexcept { return group_index{tasks_[t.value].group}; }
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

  /// For each group the length of the longest chain of upstream groups: 0 for those that may begin at once.
  [[nodiscard]] std::vector<std::uint32_t> levels() const;
  /// The groups without upstream, in order.
  [[nodiscard]] std::vector<group_index> roots() const;
  /// Bytes that the plan holds, itself included.
  [[nodiscard]] std::size_t memory_bytes() const noexcept;

private:
  friend class plan_builder;

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

  plan_header header_;
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
