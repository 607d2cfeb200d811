#pragma once

#include <string>
#include <variant>
#include <vector>

namespace muster::bench {

/// Something that a benchmark may be told, by its place. What its value is before is the default, where that is not 0.
struct argument {
  const char* name;
  const char* meaning;
  std::variant<int*, std::string*> value; ///< A number is at least 1.
};

/// Reads the command line. Ends the program where that makes no sense, and after `--help`.
void take_arguments(int argc, char** argv, const char* purpose, const std::vector<argument>& all);

} // namespace muster::bench
