#include "actors/node.hpp"

#include <caf/all.hpp>

namespace muster {

node_actor::behavior_type node(node_actor::stateful_pointer<node_state_data> self, std::string host,
                               capabilities offered, executor_actor executor) {
  auto& state = self->state;
  state.host = std::move(host);
  state.offered = std::move(offered);
  state.executor = std::move(executor);
  self->link_to(state.executor);
  return {
      [self, &state](join_atom, const pool_actor& target) {
        self->send(target, join_atom::value, state.host, state.offered, state.executor);
        return state.host;
      },
  };
}

} // namespace muster
