#pragma once

#include "actors/system_config.hpp"

#include <caf/atom.hpp>

namespace muster::test {

/// CAF set up for Muster, without threads: whoever owns a system says which of its actors runs next, by CAF's
/// `test_coordinator`.
struct stepped_config : system_config {
  stepped_config() : system_config(1) {
    module_factories.clear(); // The scheduler with threads.
    set("scheduler.policy", caf::atom("testing"));
  }
};

} // namespace muster::test
