#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>

namespace muster::test {

/// Rounds of a property test: `seeds.first` to `seeds.first + seeds.count - 1`. With MUSTER_TEST_SEED only that one: a
/// failed check prints its seed.
struct seed_range {
  std::uint64_t first = 1;
  std::uint64_t count = 1;
};

[[nodiscard]] inline seed_range seeds(std::uint64_t count) {
  if (const char* wanted = std::getenv("MUSTER_TEST_SEED"))
    return {std::strtoull(wanted, nullptr, 10), 1};
  return {1, count};
}

} // namespace muster::test
