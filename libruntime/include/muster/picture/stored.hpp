#pragma once

#include "muster/base/result.hpp"
#include "muster/picture/state.hpp"
#include "muster/spec/model.hpp"
#include "muster/store/reader.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// Workflows that have a flow, as the store alone tells of them.
namespace muster::picture {

/// The definition of a workflow as it is stored; none if the workflow has no flow.
[[nodiscard]] result<std::optional<spec::workflow>> read_definition(store::reader& reader,
                                                                    const store::workflow_record& workflow);

/// How a run stands.
struct flow_state {
  std::vector<step_state> steps;
  /// Results were too large to be read: steps behind conditions may be shown wrongly.
  bool results_left_out = false;
};

/// At most `most_failures` failed elements are kept for each step.
[[nodiscard]] result<flow_state> read_flow_state(store::reader& reader, const store::workflow_record& workflow,
                                                 const spec::workflow& definition, std::size_t most_failures);

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

} // namespace muster::picture
