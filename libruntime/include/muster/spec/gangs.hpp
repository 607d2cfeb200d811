#pragma once

#include "muster/spec/flow.hpp"

#include <vector>

namespace muster::spec {

/// Every gang that the workflow may run, at whatever depth, each once however often it may run; in the order of the
/// spec. They point into `x`.
[[nodiscard]] std::vector<const group*> gangs_of(const workflow& x);

/// The steps of a scope and of all scopes in it, likewise.
[[nodiscard]] std::vector<const step*> steps_of(const scope& x);

} // namespace muster::spec
