#include "actors/node.hpp"

#include "actors/driver_labels.hpp"

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
        pool_node x;
        x.name = state.host;
        x.executor = caf::actor_cast<caf::strong_actor_ptr>(state.executor);
        x.offered = state.offered;
        x.labels = state.offered.machine.labels;
        add_driver_labels(state.offered, x.labels);
        x.gpu_links = state.offered.machine.gpu_links;
        x.is_local = true;
        self->send(target, join_atom::value, pool_node_ptr{std::make_shared<pool_node>(std::move(x))});
        return state.host;
      },
  };
}

} // namespace muster
