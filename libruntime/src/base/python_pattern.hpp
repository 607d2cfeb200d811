#pragma once

#include "muster/base/result.hpp"

#include <string>
#include <string_view>

namespace muster {

/// Checks `pattern` by the grammar of Python 3.11's `re` and writes it in PCRE2's: the two agree on most patterns, but
/// each takes some that the other refuses or reads in another way.
[[nodiscard]] result<std::string> translate_python_pattern(std::string_view pattern);

} // namespace muster
