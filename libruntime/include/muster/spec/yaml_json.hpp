#pragma once

#include "muster/base/result.hpp"

#include <string>
#include <string_view>

namespace muster::spec {

/// The JSON of one YAML document, in one line, by the rules that specs are read by. Fails with `invalid_argument`,
/// naming the line.
[[nodiscard]] result<std::string> json_from_yaml(std::string_view text);

} // namespace muster::spec
