#pragma once

#include "muster/plan/plan.hpp"

#include <string>
#include <unordered_map>

namespace muster {

/// Builds a plan from rows, as read from the store. Add each group, followed by its tasks, in the order of their
/// numbers; then `finish`. The first problem is kept and reported by `finish`. All numbers that go in or come out are
/// those of the workflow.
class plan_builder {
public:
  /// For a later chunk of a workflow, `first_group` and `first_task` are the numbers that its first ones get.
  explicit plan_builder(plan_header header, group_index first_group = {}, task_index first_task = {});

  /// `row.upstream` may name groups that are added later, and groups of earlier chunks. Returns the group's number.
  group_index add_group(const group_row& row);
  /// `row.group` must be the group added last. Returns the task's number.
  task_index add_task(const task_row& row);
  void add_external_input(external_input x);

  /// The plan, or `ec::invalid_spec`: an edge to nowhere, a cycle, a group without exactly one lead, a name twice
  /// within this plan; or `ec::limit_exceeded`: more than 4 GiB of names or 2^32 - 1 groups, tasks or edges.
  [[nodiscard]] result<plan> finish() &&;

private:
  void fail(ec code, std::string what);
  [[nodiscard]] std::uint32_t intern_resource(std::string_view text);
  [[nodiscard]] std::uint32_t intern_body(std::string_view text);
  [[nodiscard]] std::string_view body(std::uint32_t number) const;
  [[nodiscard]] std::size_t body_slot(std::string_view text) const;
  void grow_body_slots();
  [[nodiscard]] group_index last_group() const noexcept;
  void close_group();
  void link_downstream();
  void index_names();
  void check_acyclic();

  plan plan_;
  std::optional<error> problem_;
  bool has_lead_ = false;
  std::unordered_map<std::string, std::uint32_t> resource_numbers_;
  std::vector<std::uint32_t> body_slots_; ///< Hash table of body numbers; a third is free at least.
};

} // namespace muster
