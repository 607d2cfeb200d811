#pragma once

#include "muster/placement/gang_queue.hpp"

#include <cstdint>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace muster::test {

/// A node on which GPUs are what is scarce.
inline node_state gpu_node(const std::string& name, std::uint32_t gpus = 8) {
  std::vector<std::uint32_t> all(gpus);
  std::iota(all.begin(), all.end(), 0U);
  return make_node(name, {64, std::int64_t{1} << 40U, std::int64_t{1} << 40U}, all);
}

/// Members that ask for so many GPUs each and for next to nothing else.
inline gang gpus(std::int64_t each, std::size_t members = 1) {
  resource_request x;
  x.gpu = each;
  x.memory = 1;
  x.storage = 1;
  return gang(members, x);
}

inline gang_terms terms(gang_priority priority, std::string user = {}, std::string quota = {}) {
  gang_terms x;
  x.priority = priority;
  x.user = std::move(user);
  x.quota = std::move(quota);
  return x;
}

} // namespace muster::test
