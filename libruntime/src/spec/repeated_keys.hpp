#pragma once

#include "spec/reporter.hpp"
#include "spec/yaml_tree.hpp"

namespace muster::spec {

/// Warns of each key that its mapping has had before: YAML forbids that, PyYAML and OSMO take the last, and who wrote
/// it meant both, most likely.
void warn_of_repeated_keys(const yaml::tree& document, reporter& report);

/// Likewise as errors, where nobody else's rule says which one counts.
void refuse_repeated_keys(const yaml::tree& document, reporter& report);

} // namespace muster::spec
