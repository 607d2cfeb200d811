#pragma once

#include "support/catch.hpp"

#include "muster/plan/plan_builder.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace muster::test {

/// A plan of groups of one with these upstream groups, which must be earlier ones.
inline std::shared_ptr<const plan> plan_of(const std::vector<std::vector<std::uint32_t>>& upstream) {
  plan_builder b{{}};
  for (std::uint32_t i = 0; i < upstream.size(); ++i) {
    std::vector<group_index> edges;
    for (const auto u : upstream[i])
      edges.push_back(group_index{u});
    b.add_group({"g" + std::to_string(i), false, true, edges});
    b.add_task({"t" + std::to_string(i), group_index{i}, true, "{}", "{}"});
  }
  auto built = std::move(b).finish();
  REQUIRE(built);
  return std::make_shared<const plan>(*std::move(built));
}

} // namespace muster::test
