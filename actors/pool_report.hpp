#pragma once

#include "actors/pool.hpp"

namespace muster {

/// How a POOL is, for those above the actors.
[[nodiscard]] pool_view_ptr view_of(const pool_state& state);

} // namespace muster
