#pragma once

#include "support/catch.hpp"

#include <cstdint>
#include <cstdlib>

namespace muster::test {

/// Calls `f` with seeds from 1 on, `count` of them. MUSTER_TEST_SEED=n is that seed alone, MUSTER_TEST_SEEDS=n as many.
template <class Function>
void for_seeds(std::uint64_t count, Function f) {
  const auto number_of = [](const char* name, std::uint64_t otherwise) {
    const auto* text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
  };
  const auto only = number_of("MUSTER_TEST_SEED", 0);
  const auto first = only != 0 ? only : 1;
  const auto end = only != 0 ? only + 1 : 1 + number_of("MUSTER_TEST_SEEDS", count);
  for (auto seed = first; seed < end; ++seed) {
    INFO("MUSTER_TEST_SEED=" << seed);
    f(seed);
  }
}

} // namespace muster::test
