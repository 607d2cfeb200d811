#pragma once

#include "muster/spec/model.hpp"

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace muster::spec {

/// What stands between the braces of a token, and what it becomes: `workflow_id`, `output`, `input:0`, `input:fetch`,
/// `host:server`.
using token_values = std::map<std::string, std::string, std::less<>>;

/// `text` with each `{{name}}` of `values` replaced; spaces within the braces are fine. Others stay as they are, and
/// what is put in is not looked at again. Takes linear time.
[[nodiscard]] std::string substitute(std::string_view text, const token_values& values);

/// The same in every string of a task, names of variables and credentials included.
[[nodiscard]] task substitute(task x, const token_values& values);

/// Adds `input:N` and, for inputs from tasks, `input:<task>` for each input of `x`; `folders[N]` is where input N lies.
/// Of two inputs from one task the later gives `input:<task>`.
void add_input_tokens(token_values& values, const task& x, const std::vector<std::string>& folders);

/// The values that OSMO gives inside its containers: `/osmo/data/output`, `/osmo/data/input/N` and `workflow_id`.
[[nodiscard]] token_values osmo_tokens(const task& x, std::string workflow_id);

} // namespace muster::spec
