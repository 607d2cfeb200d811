#pragma once

#include "actors/agents/fleet.hpp"
#include "actors/agents/kept_actor.hpp"

#include <caf/actor_config.hpp>
#include <caf/execution_unit.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <cstdint>

namespace muster::agent {

/// The LINK of a session: all that an agent has of the head. Passes on what an agent may say, of its own session, to
/// the FLEET, and drops everything else. Whoever is connected can send any message to any actor that it knows of, so
/// nothing else of the head is ever sent to an agent, not even as a sender. Ends with the FLEET, or when that says so
/// and gives its permit.
///
/// That its agent is there is noted ahead of the mailbox, by the thread that the word comes on: a thousand agents say
/// it all the time, and neither this actor nor the FLEET is woken for it.
class node_link final : public kept_actor<fleet_link::base> {
public:
  /// `heard` is set to the time whenever the agent says that it is there.
  node_link(caf::actor_config& config, fleet_actor fleet, std::uint64_t session, last_word heard, end_permit may_end);

  const char* name() const override { return "node_link"; }

  using kept_actor::enqueue;
  /// From any thread.
  void enqueue(caf::mailbox_element_ptr x, caf::execution_unit* on) override;

protected:
  behavior_type make_behavior() override;

private:
  fleet_actor fleet_;
  const std::uint64_t session_;
  const last_word heard_;
};

} // namespace muster::agent
