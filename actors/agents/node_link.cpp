#include "actors/agents/node_link.hpp"

#include "actors/protocol/type_ids.hpp"

#include <caf/all.hpp>

#include <utility>

namespace muster::agent {

node_link::node_link(caf::actor_config& config, fleet_actor fleet, std::uint64_t session, last_word heard,
                     end_permit may_end)
    : kept_actor(config), fleet_(std::move(fleet)), session_(session), heard_(std::move(heard)) {
  keep(std::move(may_end));
}

void node_link::enqueue(caf::mailbox_element_ptr x, caf::execution_unit* on) {
  const auto& what = x->content();
  if (!what.match_elements<alive_atom, std::uint64_t>())
    return kept_actor::enqueue(std::move(x), on);
  if (what.get_as<std::uint64_t>(1) == session_)
    heard_->store(clock().now(), std::memory_order_relaxed);
}

node_link::behavior_type node_link::make_behavior() {
  monitor(fleet_);
  set_default_handler(caf::drop);
  set_down_handler([this](const caf::down_msg& x) {
    if (x.source == fleet_.address())
      quit();
  });
  return {
      [this](report_atom what, reports& x) {
        if (x.session == session_)
          send(fleet_, what, std::move(x));
      },
      [this](ack_atom what, std::uint64_t of, std::uint64_t number) {
        if (of == session_)
          send(fleet_, what, of, number);
      },
      [](alive_atom, std::uint64_t) {}, // Does not come as far as this.
  };
}

} // namespace muster::agent
