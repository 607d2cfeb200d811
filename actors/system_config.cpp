#include "actors/system_config.hpp"

#include "actors/protocol/agent.hpp"
#include "actors/protocol/monitor.hpp"
#include "actors/protocol/type_ids.hpp"
#include "actors/quiet_scheduler.hpp"

#include <caf/all.hpp>

namespace muster {

// The only place that registers message types: each costs compile time.
system_config::system_config(std::uint32_t threads, network_use network) {
  add_message_types<caf::id_block::muster>();
  // A shared queue: work stealing walks whole queues under its locks when many actors are ready.
  use_quiet_scheduler(*this);
  set("scheduler.max-threads", static_cast<std::size_t>(threads));
  // Unlimited by default: two busy actors would starve all others.
  set("scheduler.max-throughput", static_cast<std::size_t>(300));
  add_message_types<caf::id_block::muster_agent>();
  if (network == network_use::none)
    return;
  monitor::configure(*this);
  if (network == network_use::encrypted)
    set("middleman.heartbeat-interval", caf::timespan{0}); // Sends none, and looks for none.
  set("middleman.app-identifiers", std::vector<std::string>{monitor::application, agent::application});
}

} // namespace muster
