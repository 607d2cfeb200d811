#include "base/python_pattern.hpp"

#include "muster/base/utf8.hpp"

namespace muster {

result<std::string> translate_python_pattern(std::string_view pattern) {
  if (!is_utf8(pattern))
    return {ec::invalid_argument, "the regular expression is not UTF-8"};
  return std::string{pattern};
}

} // namespace muster
