#pragma once

#include "nodes.hpp"

#include "muster/api/result.hpp"
#include "muster/api/value.hpp"
#include "muster/spec/model.hpp"

#include <string>
#include <string_view>
#include <vector>

/// From what was built in code to a spec, and through the spec's rules: the same as for a file.
namespace muster::api {

struct rendered_workflow {
  value spec;                        ///< `{workflow: {...}}`
  std::vector<std::string> problems; ///< Of what no spec could say.
};

/// With `for_containers` a task without an image is a problem.
[[nodiscard]] rendered_workflow render(const scope_node& root, bool for_containers = false);

/// As YAML that is no template: braces that are no tokens of Muster's are escaped.
[[nodiscard]] std::string yaml_text(const value& x);

/// A spec that was accepted, with what is kept of it.
struct loaded_workflow {
  spec::workflow workflow;
  std::string text;
};

/// Renders and loads. Fails with `invalid_spec`, all that is wrong being in the message.
[[nodiscard]] result<loaded_workflow> load(const scope_node& root, const dict& parameters, bool for_containers = false);
/// The same of a text.
[[nodiscard]] result<loaded_workflow> load(std::string_view text, const dict& parameters);

} // namespace muster::api
