#pragma once

#include "muster/spec/flow.hpp"
#include "muster/spec/model.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// What people are shown of a workflow: its outline before it runs, the same as a graph, and a timeline of a run.
namespace muster::picture {

/// One step waits for another of its scope.
struct outline_edge {
  std::uint32_t from = 0; ///< Position in the scope's outline.
  spec::after_on on = spec::after_on::success;
  bool is_data = false;    ///< It reads what the other one gives; else it is only ordered behind it.
  bool by_element = false; ///< `foreach: {each: ...}`: element for element.
};

struct outline_step;

/// A scope within a step: of a nested workflow, of a branch or case, of what handles a failure.
struct outline_scope {
  std::string role;  ///< Empty, or `branch`, `case`, `default`, `on_failure`.
  std::string label; ///< Of a branch or case.
  std::vector<outline_step> steps;
};

/// A step as it is written. Points into the definition, which outlives this.
struct outline_step {
  const spec::step* step = nullptr;
  std::string path;                      ///< Dotted, without elements: `map.leaf`.
  std::string kind;                      ///< task, group, workflow, branches, switch.
  std::optional<std::uint64_t> elements; ///< Of a `foreach`, where they are known before it runs.
  std::vector<outline_edge> edges;       ///< In the order of their positions.
  std::vector<outline_scope> inner;
};

/// The steps of a definition and all in them, every step behind those it waits for, else as declared.
[[nodiscard]] outline_scope outline_of(const spec::scope& definition);

/// `foreach: 100 elements`, `at most 8 at once`, `when: ...`: what decides whether, when and how often a step runs, one
/// phrase each. What runs behind what is in the edges.
[[nodiscard]] std::vector<std::string> phrases(const outline_step& x);

/// `split`, `split (always)`, `each of train`: what an edge of a step of `scope` says.
[[nodiscard]] std::string describe(const outline_edge& x, const outline_scope& scope);

/// How many tasks will run, where that is known before: no condition, loop or switch, and each `foreach`
/// over what the spec lists.
[[nodiscard]] std::optional<std::uint64_t> tasks_of(const outline_scope& x);

} // namespace muster::picture
