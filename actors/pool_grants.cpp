#include "actors/pool_grants.hpp"

#include "actors/pool_addresses.hpp"
#include "actors/pool_nodes.hpp"

#include <caf/all.hpp>

#include <utility>

namespace muster {

namespace {

/// Tells the group of `key` that these places are its own, or will be when the attempt `after` has ended.
void say_placed(pool_pointer self, gang_key key, const assignment& where, attempt_id after) {
  auto& state = self->state;
  auto& client = state.clients[key];
  client.addresses.resize(where.size());
  lease given;
  if (client.lease.value == 0)
    client.lease = {state.next_epoch.value++};
  given.number = client.lease;
  for (std::size_t i = 0; i < where.size(); ++i) {
    const auto& node = *state.nodes.at(state.queue.nodes()[where[i].node].name).what;
    given.places.push_back({node.name, node.executor, client.addresses[i], where[i].gpus, after});
    given.record_first = given.record_first || !node.is_local;
  }
  self->send(client.group, placed_atom::value, client.ticket, std::move(given));
}

/// Tells groups that wait whose places they will have, so that their drivers start them at once: for the place that
/// the gang of `key` has, while attempts are short.
void promise_ahead(pool_pointer self, gang_key key) {
  auto& state = self->state;
  const auto depth = state.runs.depth();
  if (depth == 0 || !starts_ahead(state) || !state.paused.empty())
    return;
  const assignment where{{}}; // There is one node only.
  auto [promised, last] = state.queue.heirs_of(key);
  if (promised > depth / 2) // Rather several at once than one by one.
    return;
  for (; promised < depth && state.clients[last].last.workflow.value != 0; ++promised) {
    const auto next = state.queue.promise(last);
    if (!next || !give_addresses(state, state.clients[*next], where))
      return;
    state.clients[*next].heir_of = last;
    say_placed(self, *next, where, state.clients[last].last);
    last = *next;
  }
}

/// Tells the group of `key` that these places are its own.
void lease_to(pool_pointer self, gang_key key, const assignment& where) {
  auto& state = self->state;
  auto& client = state.clients[key];
  client.since = self->clock().now();
  state.config.counted->queue_wait.add(client.since - client.asked);
  say_placed(self, key, where, {});
  promise_ahead(self, key);
  // Whoever promised it a place that it need not wait for has nobody behind it now.
  if (const auto before = std::exchange(client.heir_of, std::nullopt); before && state.clients.count(*before) != 0)
    promise_ahead(self, *before);
}

void serve(pool_pointer self, pool_state::network_line& line) {
  auto& state = self->state;
  for (; !line.empty(); line.pop_front()) {
    auto& client = state.clients[line.front()];
    if (!give_addresses(state, client, client.where))
      return;
    lease_to(self, line.front(), std::exchange(client.where, {}));
  }
}

} // namespace

void take_places(pool_pointer self, gang_key key, assignment where) {
  auto& state = self->state;
  auto& client = state.clients[key];
  auto& line = network_line_of(state, client);
  // Those who wait are older, and a small network must not keep a large one waiting for ever.
  if ((line.empty() || all_have_addresses(client)) && give_addresses(state, client, where)) {
    lease_to(self, key, where);
    return;
  }
  client.where = std::move(where);
  line.push_back(key);
  self->send(client.group, delayed_atom::value, client.ticket, state.networks->why_waiting(client.who.group_size));
}

void serve_networks(pool_pointer self) {
  serve(self, self->state.waiting_alone);
  serve(self, self->state.waiting_gangs);
}

void grant_waiting(pool_pointer self) {
  auto& state = self->state;
  if (!state.paused.empty())
    return;
  constexpr std::size_t at_once = 64;
  state.queue.advance(self->clock().now());
  for (;;) {
    const auto grants = state.queue.poll(at_once);
    for (const auto& x : grants)
      take_places(self, x.key, x.where);
    if (grants.size() < at_once)
      return;
  }
}

} // namespace muster
