#pragma once

#include "muster/placement/placement.hpp"
#include "muster/plan/plan.hpp"
#include "muster/spec/model.hpp"

#include <string>
#include <vector>

namespace muster {

/// What a machine must be taken for so that no gang is refused for something that its tasks never asked for.
struct default_needs {
  node_amounts at_least;          ///< Zero where the machine is large enough.
  std::vector<std::string> notes; ///< For people, one per group that made a difference; at most five.
};

/// A task that names no CPUs stands for one, but a gang of three such tasks should run on a laptop with two. Gangs
/// whose explicit requests do not fit `machine` are left alone: they are refused.
[[nodiscard]] default_needs needs_of_defaults(const spec::workflow& workflow, const node_amounts& machine);

/// What every gang of a plan that was accepted before needs, so that it is accepted again.
[[nodiscard]] node_amounts largest_gang(const plan& layout);

} // namespace muster
