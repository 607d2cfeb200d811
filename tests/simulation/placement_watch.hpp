#pragma once

#include "universe.hpp"

#include "actors/pool.hpp"

#include <cstddef>
#include <map>

namespace muster::simulation {

/// Looks at a POOL between two of its messages, and sees that every gang that can run does: none waits that has room
/// on the nodes that take gangs, unless its quota has none, or the room may belong to another: to one that comes first
/// and has none itself, or, while others end for it, to anybody of its priority. Also that what is held of the nodes is
/// what their holders asked for, and that no gang avoids a node for longer than it may. Counts for itself, without the
/// placement's indices; members of one gang all ask for the same here.
class placement_watch {
public:
  explicit placement_watch(universe& all) : all_(all) {}
  void look_at(const pool_state& pool, queue_time now);

private:
  universe& all_;
  std::map<gang_key, std::size_t> overdue_; ///< How often it was seen to avoid nodes though its time for that is over.
};

} // namespace muster::simulation
