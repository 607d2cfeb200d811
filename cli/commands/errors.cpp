#include "cli/commands/errors.hpp"

#include "cli/exit_code.hpp"

#include <iostream>

namespace muster::cli {

int report(const error& problem) {
  std::cout.flush();
  std::cerr << "muster: " << problem.message << std::endl;
  return exit_code_of(problem.code);
}

int report_usage(std::string_view what) {
  std::cout.flush();
  std::cerr << "muster: " << what << std::endl;
  return exit_usage;
}

} // namespace muster::cli
