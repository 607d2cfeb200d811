#pragma once

#include "muster/placement/gang_queue.hpp"

#include <cstdint>
#include <vector>

namespace muster::test {

/// A member that asks for CPUs and for next to nothing else.
inline resource_request ask(std::int64_t cpu) {
  resource_request x;
  x.cpu = cpu;
  x.memory = 1;
  x.storage = 1;
  return x;
}

/// A queue of one node, of which CPUs are all that is scarce.
inline gang_queue queue_of(std::int64_t cpu, queue_policy policy = {}) {
  return gang_queue{{make_node("local", {cpu, std::int64_t{1} << 40U, std::int64_t{1} << 40U}, {})}, policy};
}

enum class answer { placed, waits, refused };

inline answer submit(gang_queue& q, gang_key key, const gang& who) {
  return static_cast<answer>(q.submit(key, who).index());
}

/// Who has places now that waited.
inline std::vector<gang_key> granted(gang_queue& q) {
  std::vector<gang_key> keys;
  for (const auto& g : q.poll())
    keys.push_back(g.key);
  return keys;
}

using keys = std::vector<gang_key>;

} // namespace muster::test
