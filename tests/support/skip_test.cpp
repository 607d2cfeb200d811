#include "support/skip_test.hpp"

#include <iostream>

namespace muster::test {

void skip_test(const std::string& why) {
  std::cout << "MUSTER-TEST-SKIPPED: " << why << std::endl;
}

} // namespace muster::test
