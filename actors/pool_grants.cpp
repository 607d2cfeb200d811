#include "actors/pool_grants.hpp"

#include "actors/pool_addresses.hpp"
#include "actors/pool_nodes.hpp"
#include "actors/pool_why.hpp"

#include <caf/all.hpp>

#include <iterator>
#include <utility>

namespace muster {

namespace {

/// Others may be promised its place.
bool can_hand_on(const pool_state::client& x) {
  return x.last.workflow.value != 0;
}

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
    given.places.push_back({node.name, node.executor, client.addresses[i], where[i].gpus, after, can_hand_on(client)});
    given.record_first = given.record_first || !node.is_local;
  }
  tell(self, client, placed_atom::value, std::move(given));
}

/// Tells groups that wait whose places they will have, so that their drivers start them at once: for the place that
/// the gang of `key` has, while attempts are short.
void promise_ahead(pool_pointer self, gang_key key) {
  auto& state = self->state;
  const auto depth = state.runs.depth();
  if (depth == 0 || !starts_ahead(state) || why_nothing_is_placed(state))
    return;
  const assignment where{{}}; // There is one node only.
  auto [promised, last] = state.queue.heirs_of(key);
  if (promised > depth / 2) // Rather several at once than one by one.
    return;
  for (; promised < depth && can_hand_on(state.clients[last]); ++promised) {
    const auto next = state.queue.promise(last);
    if (!next)
      return;
    choose_network(state, *next, state.clients[*next], where);
    if (!give_addresses(state, state.clients[*next], where))
      return;
    say_placed(self, *next, where, state.clients[last].last);
    last = *next;
  }
}

/// One that has no lease yet, because it waits for a network, is put off; its group asks again.
void ask_to_leave(pool_pointer self, gang_key key, const std::string& why) {
  auto& state = self->state;
  auto& client = state.clients.at(key);
  if (client.where.empty()) {
    client.leaves = why;
    tell(self, client, stop_atom::value, why);
    return;
  }
  tell(self, client, refused_atom::value, refusal{ec::unavailable, "preempted: " + why});
  give_back_addresses(state, key, client);
  state.clients.erase(key);
  state.queue.withdraw(key);
}

/// Whoever was booked on a node that is being vacated may not stay there.
void leave_if_vacated(pool_pointer self, gang_key key, const assignment& where) {
  auto& state = self->state;
  for (const auto& x : where) {
    const auto& why = state.nodes.at(state.queue.nodes()[x.node].name).vacated;
    if (!why.empty())
      return ask_to_leave(self, key, why);
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
  leave_if_vacated(self, key, where);
}

/// It has places where it can have no network, which are others' again. Its group asks anew where others might do.
void turn_back(pool_pointer self, gang_key key, std::string why) {
  auto& state = self->state;
  const bool is_only_node = state.nodes.size() == 1 && !state.config.may_grow;
  state.queue.withdraw(key);
  refuse(self, key, is_only_node ? ec::never_fits : ec::unavailable, std::move(why));
}

/// Gives networks to who waits for some, in order.
void serve(pool_pointer self, pool_state::network_line& line) {
  auto& state = self->state;
  for (; !line.empty(); line.pop_front()) {
    const auto key = line.front();
    auto& client = state.clients[key];
    if (give_addresses(state, client, client.where))
      lease_to(self, key, std::exchange(client.where, {}));
    else if (auto why = never_has_network(state, client)) // Its node has joined anew, and makes other networks.
      turn_back(self, key, *std::move(why));
    else
      return;
  }
}

/// The gang has these places: it gets its lease, or waits for a network. False if it can have none there.
bool take_granted(pool_pointer self, gang_key key, assignment where) {
  auto& state = self->state;
  auto& client = state.clients[key];
  choose_network(state, key, client, where);
  // Those who wait are older, and a small network must not keep a large one waiting for ever.
  if ((!others_wait(state, client) || all_have_addresses(client)) && give_addresses(state, client, where)) {
    lease_to(self, key, where);
    return true;
  }
  if (auto why = never_has_network(state, client)) {
    turn_back(self, key, *std::move(why));
    return false;
  }
  client.where = std::move(where);
  join_line(state, key, client);
  tell(self, client, delayed_atom::value, why_no_network(state, client));
  return true;
}

} // namespace

void refuse(pool_pointer self, gang_key key, ec code, std::string why) {
  tell(self, self->state.clients[key], refused_atom::value, refusal{code, std::move(why)});
  self->state.clients.erase(key);
}

void take_places(pool_pointer self, gang_key key, assignment where) {
  if (!take_granted(self, key, std::move(where)))
    grant_waiting(self);
}

void serve_networks(pool_pointer self) {
  auto& all = self->state.waiting;
  for (auto on = all.begin(); on != all.end();) {
    serve(self, on->second.alone);
    serve(self, on->second.gangs);
    on = on->second.is_empty() ? all.erase(on) : std::next(on);
  }
}

void grant_waiting(pool_pointer self) {
  auto& state = self->state;
  if (why_nothing_is_placed(state))
    return;
  constexpr std::size_t at_once = 64;
  state.queue.advance(self->clock().now());
  for (;;) {
    const auto grants = state.queue.poll(at_once);
    bool are_free_again = false;
    for (const auto& x : grants) {
      are_free_again = !take_granted(self, x.key, x.where) || are_free_again;
      if (x.giver)
        promise_ahead(self, *x.giver);
    }
    if (grants.size() < at_once && !are_free_again)
      break;
  }
  look_for_victims(self);
}

void look_for_victims(pool_pointer self) {
  // What is tried for a long queue takes a while.
  constexpr std::chrono::milliseconds pause{50};
  auto& state = self->state;
  if (state.queue.waiting() == 0 || !state.queue.has_victims() || std::exchange(state.looks_for_victims, true))
    return;
  self->delayed_send(self, pause, internal_atom::value, tick_atom::value);
}

void vacate(pool_pointer self, const std::string& node, const std::string& why) {
  const auto found = self->state.nodes.find(node);
  if (found == self->state.nodes.end() || !found->second.vacated.empty())
    return;
  found->second.vacated = why;
  for (const auto key : self->state.queue.holders_of(node))
    ask_to_leave(self, key, why);
  grant_waiting(self);
}

void make_way(pool_pointer self) {
  auto& state = self->state;
  state.looks_for_victims = false;
  if (why_nothing_is_placed(state))
    return;
  state.queue.advance(self->clock().now());
  const auto preempted = state.queue.preempt();
  for (const auto& x : preempted) {
    // Which one is not for everybody who reads the victim's events.
    for (const auto key : x.victims)
      ask_to_leave(self, key, "a group of higher priority needs its places");
  }
  if (!preempted.empty()) // To see who has not gone.
    self->delayed_send(self, state.config.leave_within, internal_atom::value, tick_atom::value);
  grant_waiting(self); // What was put off may be all.
}

} // namespace muster
