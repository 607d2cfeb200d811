#pragma once

#include "muster/base/ids.hpp"
#include "muster/base/result.hpp"
#include "muster/plan/plan.hpp"
#include "muster/spec/model.hpp"

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace muster {

/// A gang that a workflow takes on while it runs.
struct chunk_row {
  std::string name;               ///< Of the group.
  std::vector<std::string> tasks; ///< Full names of its members.
  /// What they are, in the same order; null for a step that is recorded without being run and is no gang: it has one
  /// task, which does nothing.
  const spec::group* members = nullptr;
};

/// Lays out chunks of a workflow. Keeps what it has made of each task of the definition, which it shares between
/// chunks.
class chunk_builder {
public:
  /// `source` has the header and the resources; it must outlive all rows.
  explicit chunk_builder(std::shared_ptr<const spec::workflow> source);

  /// The workflow's base: its header, and no groups.
  [[nodiscard]] result<plan> base() const;
  /// A chunk of these groups, numbered from there. Fails as `plan_builder::finish`, or with `ec::invalid_spec` if a
  /// task asks for a resource that does not exist.
  [[nodiscard]] result<plan> build(const std::vector<chunk_row>& rows, group_index first_group, task_index first_task);

private:
  [[nodiscard]] const std::string* resource_text(const std::string& name) const;
  [[nodiscard]] const std::string& body_text(const spec::task& x);

  std::shared_ptr<const spec::workflow> source_;
  std::unordered_map<std::string, std::string> resources_;
  std::unordered_map<const spec::task*, std::string> bodies_;
};

} // namespace muster
