#pragma once

#include "muster/spec/model.hpp"

#include <string>

namespace muster::cli {

/// `muster plan` of a workflow that has a flow; `format` is text, dot, mermaid or json.
void print_flow_plan(const spec::workflow& workflow, const std::string& format);

} // namespace muster::cli
