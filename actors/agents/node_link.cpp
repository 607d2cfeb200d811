#include "actors/agents/node_link.hpp"

#include "actors/protocol/type_ids.hpp"

#include <caf/all.hpp>

#include <utility>

namespace muster::agent {

fleet_link::behavior_type node_link(kept_actor<fleet_link::stateful_base<node_link_state>>* self, fleet_actor fleet,
                                    std::uint64_t session, end_permit may_end) {
  auto& state = self->state;
  self->keep(std::move(may_end));
  state.fleet = std::move(fleet);
  state.session = session;
  self->monitor(state.fleet);
  self->set_default_handler(caf::drop);
  self->set_down_handler([self, &state](const caf::down_msg& x) {
    if (x.source == state.fleet.address())
      self->quit();
  });
  return {
      [self, &state](report_atom what, reports& x) {
        if (x.session == state.session)
          self->send(state.fleet, what, std::move(x));
      },
      [self, &state](ack_atom what, std::uint64_t of, std::uint64_t number) {
        if (of == state.session)
          self->send(state.fleet, what, of, number);
      },
      [self, &state](alive_atom what, std::uint64_t of) {
        if (of == state.session)
          self->send(state.fleet, what, of);
      },
  };
}

} // namespace muster::agent
