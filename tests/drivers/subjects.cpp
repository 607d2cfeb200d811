#include "harness.hpp"

namespace muster::test {

const std::vector<subject>& subjects() {
  static const auto all = local_subjects();
  return all;
}

} // namespace muster::test
