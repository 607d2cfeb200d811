#pragma once

#include "muster/base/result.hpp"
#include "muster/picture/state.hpp"
#include "muster/spec/model.hpp"
#include "muster/store/reader.hpp"

#include <nlohmann/json_fwd.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

/// What the commands tell of workflows that have a flow, from the store alone.
namespace muster::cli {

/// The definition of a workflow as it is stored; none if the workflow has no flow.
[[nodiscard]] result<std::optional<spec::workflow>> read_definition(store::reader& reader,
                                                                    const store::workflow_record& workflow);

/// How a run stands.
struct flow_state {
  std::vector<picture::step_state> steps;
  /// Results were too large to be read: steps behind conditions may be shown wrongly.
  bool results_left_out = false;
};

/// At most `most_failures` failed elements are kept for each step.
[[nodiscard]] result<flow_state> read_flow_state(store::reader& reader, const store::workflow_record& workflow,
                                                 const spec::workflow& definition, std::size_t most_failures);

/// For programs.
[[nodiscard]] nlohmann::ordered_json state_json(const picture::step_state& x);

/// Prints the steps as a tree. Of elements that have not ended, and of those that failed, at most `most` of each step.
void print_flow(const std::vector<picture::step_state>& steps, std::size_t most);

/// Which element a task is of, and its item where that can be told.
struct element_place {
  std::uint32_t index = 0;
  std::optional<std::string> item; ///< JSON.
};

/// Of the innermost `foreach` around the task of that name; none if there is none.
[[nodiscard]] result<std::optional<element_place>> find_element(store::reader& reader,
                                                                const store::workflow_record& workflow,
                                                                const spec::workflow& definition,
                                                                const std::string& task);

} // namespace muster::cli
