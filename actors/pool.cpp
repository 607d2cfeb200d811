#include "actors/pool.hpp"

#include "actors/pool_report.hpp"

#include <caf/all.hpp>

#include <algorithm>
#include <unordered_set>

namespace muster {

namespace {

using pool_pointer = pool_actor::stateful_pointer<pool_state>;

/// Groups that can never be placed are named up to this number.
constexpr std::size_t max_reasons = 20;

gang_key key_of(workflow_key workflow, group_index group) {
  return (static_cast<gang_key>(workflow.value) << 32U) | group.value;
}

gang gang_of(const plan& layout, const std::vector<task_index>& members) {
  gang who;
  who.reserve(members.size());
  for (const auto t : members)
    who.push_back(request_of(layout.resource(t)));
  return who;
}

/// Which members of which group ask, by their positions in the whole of it, and what for.
group_part part_of(const pool_state& state, const plan& layout, const placement_request& request) {
  const auto range = layout.tasks(request.group);
  group_part who;
  who.group_size = range.count;
  for (const auto t : request.members) {
    who.positions.push_back(t.value - range.first.value);
    if (!state.networks)
      continue;
    const auto task = layout.task(t);
    who.needs.push_back(task ? address_need_of(*task, range.count < 2, state.alone_without_address)
                             : address_need::own);
  }
  return who;
}

pool_state::network_line& network_line_of(pool_state& state, const pool_state::client& x) {
  return x.who.group_size < 2 ? state.waiting_alone : state.waiting_gangs;
}

bool all_have_addresses(const pool_state::client& x) {
  for (std::size_t i = 0; i < x.who.positions.size(); ++i)
    if (x.who.need(i) != address_need::none && (i >= x.addresses.size() || x.addresses[i].empty()))
      return false;
  return true;
}

/// Gives the members of `x` their addresses; false if there are none now.
bool give_addresses(pool_state& state, pool_state::client& x) {
  if (all_have_addresses(x))
    return true;
  if (state.networks) {
    if (auto given = state.networks->allocate(x.who))
      x.addresses = *std::move(given);
    return all_have_addresses(x);
  }
  x.addresses.resize(x.who.positions.size());
  for (auto& text : x.addresses)
    if (text.empty())
      text = state.addresses.allocate();
  return true;
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
    const auto& node = state.queue->nodes()[where[i].node].name;
    given.places.push_back({node, caf::actor_cast<caf::strong_actor_ptr>(state.executors[node]), client.addresses[i],
                            where[i].gpus, after});
  }
  self->send(client.group, placed_atom::value, client.ticket, std::move(given));
}

/// Tells groups that wait whose places they will have, so that their drivers start them at once: for the place that
/// the gang of `key` has, while attempts are short.
void promise_ahead(pool_pointer self, gang_key key) {
  auto& state = self->state;
  const auto depth = state.runs.depth();
  if (!state.starts_after || depth == 0 || !state.paused.empty())
    return;
  auto [promised, last] = state.queue->heirs_of(key);
  if (promised > depth / 2) // Rather several at once than one by one.
    return;
  for (; promised < depth && state.clients[last].last.workflow.value != 0; ++promised) {
    const auto next = state.queue->promise(last);
    if (!next || !give_addresses(state, state.clients[*next]))
      return;
    state.clients[*next].heir_of = last;
    say_placed(self, *next, assignment{{}}, state.clients[last].last);
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

/// The gang of `key` has places: it gets its lease once it has addresses as well.
void take_places(pool_pointer self, gang_key key, assignment where) {
  auto& state = self->state;
  auto& client = state.clients[key];
  auto& line = network_line_of(state, client);
  // Those who wait are older, and a small network must not keep a large one waiting for ever.
  if ((line.empty() || all_have_addresses(client)) && give_addresses(state, client)) {
    lease_to(self, key, where);
    return;
  }
  client.where = std::move(where);
  line.push_back(key);
  self->send(client.group, delayed_atom::value, client.ticket, state.networks->why_waiting(client.who.group_size));
}

/// Serves those who wait for a network, oldest first.
void serve(pool_pointer self, pool_state::network_line& line) {
  auto& state = self->state;
  for (; !line.empty(); line.pop_front()) {
    auto& client = state.clients[line.front()];
    if (!give_addresses(state, client))
      return;
    lease_to(self, line.front(), std::exchange(client.where, {}));
  }
}

void grant_waiting(pool_pointer self) {
  auto& state = self->state;
  if (!state.paused.empty())
    return;
  constexpr std::size_t at_once = 64;
  state.queue->advance(self->clock().now());
  for (;;) {
    const auto grants = state.queue->poll(at_once);
    for (const auto& x : grants)
      take_places(self, x.key, x.where);
    if (grants.size() < at_once)
      return;
  }
}

void refuse(pool_pointer self, gang_key key, ec code, std::string why) {
  auto& client = self->state.clients[key];
  self->send(client.group, refused_atom::value, client.ticket, refusal{code, std::move(why)});
  self->state.clients.erase(key);
}

/// The node that an executor belongs to; empty if it has none here.
std::string node_of(const pool_state& state, const caf::strong_actor_ptr& executor) {
  for (const auto& [node, here] : state.executors)
    if (caf::actor_cast<caf::strong_actor_ptr>(here) == executor)
      return node;
  return {};
}

void restore(pool_pointer self, gang_key key, const gang& who, const std::vector<placed_member>& held) {
  auto& state = self->state;
  std::vector<std::pair<std::string, std::vector<std::uint32_t>>> where;
  where.reserve(held.size());
  for (const auto& x : held)
    where.emplace_back(x.node, x.gpus);
  // None was recorded before the crash, but they were found where their executor is.
  if (std::all_of(where.begin(), where.end(), [](const auto& x) { return x.first.empty(); }))
    where.front().first = node_of(state, held.front().executor);
  const auto booked = state.queue->restore(key, who, where);
  if (!booked) {
    refuse(self, key, booked.failure().code, booked.failure().message);
    return;
  }
  auto& client = state.clients[key];
  for (const auto& x : held) {
    client.addresses.push_back(x.address);
    if (!state.networks)
      state.addresses.reserve(x.address);
  }
  if (state.networks)
    client.addresses = state.networks->restore(client.who, client.addresses);
  take_places(self, key, *booked);
}

void ask(pool_pointer self, gang_key key, const gang& who) {
  auto& state = self->state;
  // Accepted when a larger range was configured.
  if (state.networks)
    if (auto why = state.networks->never_fits(state.clients[key].who.group_size)) {
      refuse(self, key, ec::never_fits, *std::move(why));
      return;
    }
  state.queue->advance(state.clients[key].asked);
  const auto answer = state.queue->submit(key, who);
  if (const auto* where = std::get_if<assignment>(&answer)) {
    take_places(self, key, *where);
  } else if (const auto* wait = std::get_if<no_place>(&answer)) {
    auto& client = state.clients[key];
    self->send(client.group, delayed_atom::value, client.ticket, wait->reason);
  } else {
    refuse(self, key, ec::never_fits, std::get<refused>(answer).reason);
  }
}

/// Why these members can never be placed here together, be it for want of capacity or of a network.
std::optional<std::string> never_fits(const pool_state& state, const gang& who) {
  if (auto why = state.queue->never_fits(who)) {
    const bool wants_gpus = std::any_of(who.begin(), who.end(), [](const auto& x) { return x.gpu > 0; });
    if (wants_gpus && !state.no_gpus_because.empty())
      *why += ": " + state.no_gpus_because;
    return why;
  }
  return state.networks ? state.networks->never_fits(static_cast<std::uint32_t>(who.size())) : std::nullopt;
}

/// Gives back the addresses that a gang has, or its place among those who wait for some.
void give_back_addresses(pool_state& state, gang_key key, const pool_state::client& client) {
  if (!client.where.empty()) {
    auto& line = network_line_of(state, client);
    line.erase(std::remove(line.begin(), line.end(), key), line.end());
  } else if (state.networks) {
    state.networks->release(client.who.group_size, client.addresses);
  } else {
    for (const auto& address : client.addresses)
      state.addresses.release(address);
  }
}

std::vector<std::string> check(const pool_state& state, const plan& layout) {
  if (!state.queue)
    return {}; // Who does not fit when there is a node is told then.
  std::vector<std::string> reasons;
  std::unordered_set<const spec::resource*> fitting; // Equal resources are one object of the plan.
  for (auto g = layout.first_group(); g != layout.end_group() && reasons.size() < max_reasons; ++g.value) {
    const auto range = layout.tasks(g);
    const auto* single = range.count == 1 ? &layout.resource(range.first) : nullptr;
    if (single != nullptr && fitting.count(single) > 0)
      continue;
    std::vector<task_index> members;
    for (std::uint32_t i = 0; i < range.count; ++i)
      members.push_back(task_index{range.first.value + i});
    if (const auto why = never_fits(state, gang_of(layout, members)))
      reasons.push_back("group " + std::string{layout.group_name(g)} + ": " + *why);
    else if (single != nullptr)
      fitting.insert(single);
  }
  return reasons;
}

/// Takes up a request, now that there is a node.
void take_request(pool_pointer self, const placement_request& request, const plan& layout) {
  auto& state = self->state;
  const auto key = key_of(request.workflow, request.group);
  state.clients[key].who = part_of(state, layout, request);
  const auto who = gang_of(layout, request.members);
  if (request.held.empty())
    ask(self, key, who);
  else
    restore(self, key, who, request.held);
}

std::string why_unavailable(const pool_state& state) {
  if (state.queue && !state.paused.empty())
    return state.paused;
  return "pool " + state.config.name + " is unavailable" + (state.unavailable.empty() ? "" : ": " + state.unavailable);
}

/// Keeps a request until there is a node.
void keep_request(pool_pointer self, const placement_request& request, const plan_ptr& layout) {
  auto& state = self->state;
  auto& client = state.clients[key_of(request.workflow, request.group)];
  client.early = ++state.arrivals;
  state.early.emplace(client.early, pool_state::early_request{request, layout});
  self->send(client.group, delayed_atom::value, client.ticket, why_unavailable(state));
}

void forget_early(pool_state& state, const pool_state::client& x) {
  if (x.early != 0)
    state.early.erase(x.early);
}

void widen(node_amounts& x, const node_amounts& by) {
  x.cpu = std::max(x.cpu, by.cpu);
  x.memory = std::max(x.memory, by.memory);
  x.storage = std::max(x.storage, by.storage);
}

/// Takes up what was kept.
void take_early(pool_pointer self) {
  auto& state = self->state;
  if (!state.queue || !state.paused.empty())
    return;
  for (const auto& [arrival, x] : std::exchange(state.early, {})) {
    state.clients[key_of(x.what.workflow, x.what.group)].early = 0;
    take_request(self, x.what, *x.layout);
  }
}

void join(pool_pointer self, const std::string& node, const capabilities& offered, const executor_actor& executor) {
  auto& state = self->state;
  state.executors[node] = executor;
  state.offered = offered;
  const node_amounts total{offered.total.cpu, offered.total.memory, offered.total.storage};
  state.queue.emplace(std::vector{make_node(node, total, offered.total.gpus, state.config.oversubscribe)},
                      state.config.queue);
  state.queue->widen(state.at_least);
  state.no_gpus_because = offered.no_gpus_because;
  state.starts_after = offered.starts_after;
  if (offered.addresses)
    state.networks.emplace(*offered.addresses, state.config.first_address);
  state.alone_without_address = offered.alone_without_address;
  take_early(self);
}

} // namespace

pool_actor::behavior_type pool(pool_actor::stateful_pointer<pool_state> self, pool_config config,
                               failure_handler on_failure) {
  auto& state = self->state;
  guard(self, "pool", std::move(on_failure));
  state.addresses = loopback_addresses{config.first_address};
  state.next_epoch = config.first_epoch;
  state.config = std::move(config);
  return {
      [self](join_atom, const std::string& node, const capabilities& offered, const executor_actor& executor) {
        join(self, node, offered, executor);
      },
      [self, &state](delayed_atom, const std::string& why) {
        if (state.queue || state.unavailable == why)
          return;
        state.unavailable = why;
        for (const auto& [arrival, x] : state.early) {
          const auto& client = state.clients[key_of(x.what.workflow, x.what.group)];
          self->send(client.group, delayed_atom::value, client.ticket, why_unavailable(state));
        }
      },
      [&state](stop_atom, const std::string& why) { state.paused = why; },
      [self, &state](start_atom) {
        state.paused.clear();
        grant_waiting(self);
        take_early(self);
      },
      [&state](report_atom) { return view_of(state); },
      [self, &state](check_atom, const plan_ptr& layout, const node_amounts& at_least) {
        if (state.queue) {
          state.queue->widen(at_least);
          grant_waiting(self);
        } else {
          widen(state.at_least, at_least);
        }
        return check(state, *layout);
      },
      [self, &state](place_atom, const placement_request& request, const plan_ptr& layout, const group_actor& group) {
        const auto key = key_of(request.workflow, request.group);
        auto& client = state.clients[key];
        forget_early(state, client);
        client = {};
        client.group = group;
        client.ticket = request.ticket;
        client.last = request.last;
        client.asked = self->clock().now();
        const auto begun = std::chrono::steady_clock::now();
        // What runs already holds its place, whatever comes.
        if (state.queue && (state.paused.empty() || !request.held.empty()))
          take_request(self, request, *layout);
        else
          keep_request(self, request, layout);
        state.config.counted->placement.add(std::chrono::steady_clock::now() - begun);
      },
      [self, &state](release_atom, workflow_key workflow, group_index group) {
        const auto found = state.clients.find(key_of(workflow, group));
        if (found == state.clients.end())
          return;
        const auto key = found->first;
        forget_early(state, found->second);
        if (found->second.since != caf::actor_clock::time_point{})
          state.runs.add(self->clock().now() - found->second.since);
        give_back_addresses(state, key, found->second);
        state.clients.erase(found);
        if (!state.queue)
          return;
        if (const auto heir = state.queue->hand_over(key))
          take_places(self, heir->key, heir->where);
        serve(self, state.waiting_alone);
        serve(self, state.waiting_gangs);
        grant_waiting(self);
      },
  };
}

} // namespace muster
