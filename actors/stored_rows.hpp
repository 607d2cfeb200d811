#pragma once

#include "actors/protocol/messages.hpp"
#include "muster/base/result.hpp"
#include "muster/plan/plan.hpp"
#include "muster/spec/model.hpp"
#include "muster/store/reader.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

/// Whole workflows, as the store has them.
namespace muster {

/// Everything of one workflow, in the order of the plan.
struct workflow_rows {
  std::vector<store::group_record> groups;
  std::vector<store::task_record> tasks;
  std::vector<store::task_body> bodies;
};

[[nodiscard]] result<workflow_rows> read_rows(store::reader& from, workflow_key key);

/// The plan that these rows were made of.
[[nodiscard]] result<plan_ptr> rebuild_plan(store::reader& from, const store::workflow_record& record,
                                            const workflow_rows& rows);

/// What a flow is run by; null for other workflows.
[[nodiscard]] result<std::shared_ptr<const spec::workflow>> read_definition(store::reader& from, workflow_key key,
                                                                            const plan_header& header);

/// The results of a workflow's tasks, by their numbers.
[[nodiscard]] result<std::unordered_map<std::uint32_t, std::string>> read_results(store::reader& from,
                                                                                  workflow_key key);

} // namespace muster
