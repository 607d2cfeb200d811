#include "actors/pool.hpp"

#include "actors/mailbox_meter.hpp"
#include "actors/pool_addresses.hpp"
#include "actors/pool_grants.hpp"
#include "actors/pool_nodes.hpp"
#include "actors/pool_report.hpp"

#include <caf/all.hpp>

#include <algorithm>
#include <unordered_set>

namespace muster {

namespace {

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

void refuse(pool_pointer self, gang_key key, ec code, std::string why) {
  auto& client = self->state.clients[key];
  self->send(client.group, refused_atom::value, client.ticket, refusal{code, std::move(why)});
  self->state.clients.erase(key);
}

void restore(pool_pointer self, gang_key key, const gang& who, const std::vector<placed_member>& held) {
  auto& state = self->state;
  std::vector<std::pair<std::string, std::vector<std::uint32_t>>> where;
  where.reserve(held.size());
  for (const auto& x : held)
    where.emplace_back(x.node, x.gpus);
  // None was recorded before the crash, but they were found where their executor is.
  if (std::all_of(where.begin(), where.end(), [](const auto& x) { return x.first.empty(); }))
    where.front().first = only_node_of(state, held.front().executor);
  const auto booked = state.queue.restore(key, who, where);
  if (!booked) {
    refuse(self, key, booked.failure().code, booked.failure().message);
    return;
  }
  restore_addresses(state, state.clients[key], *booked, held);
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
  state.queue.advance(state.clients[key].asked);
  const auto answer = state.queue.submit(key, who);
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
  if (auto why = state.queue.never_fits(who)) {
    const bool wants_gpus = std::any_of(who.begin(), who.end(), [](const auto& x) { return x.gpu > 0; });
    if (const auto no_gpus = why_no_gpus(state); wants_gpus && !no_gpus.empty())
      *why += ": " + no_gpus;
    return why;
  }
  return state.networks ? state.networks->never_fits(static_cast<std::uint32_t>(who.size())) : std::nullopt;
}

std::vector<std::string> check(const pool_state& state, const plan& layout) {
  if (!state.has_node())
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

/// Why a request is kept; empty if it can be taken up.
std::string why_kept(const pool_state& state, const placement_request& request) {
  if (!state.has_node())
    return "pool " + state.config.name + " is unavailable" +
           (state.unavailable.empty() ? "" : ": " + state.unavailable);
  if (const auto missing = missing_node(state, request); !missing.empty())
    return "waiting for node " + missing + ", where it holds places: it has not joined yet";
  // What runs already holds its place, whatever comes.
  return request.held.empty() ? state.paused : std::string{};
}

/// Keeps a request until it can be taken up.
void keep_request(pool_pointer self, const placement_request& request, const plan_ptr& layout, const std::string& why) {
  auto& state = self->state;
  auto& client = state.clients[key_of(request.workflow, request.group)];
  client.early = ++state.arrivals;
  state.early.emplace(client.early, pool_state::early_request{request, layout});
  self->send(client.group, delayed_atom::value, client.ticket, why);
}

void forget_early(pool_state& state, const pool_state::client& x) {
  if (x.early != 0)
    state.early.erase(x.early);
}

/// Takes up what was kept, as far as that can be: what is to be booked, or what asks for new places.
void take_early(pool_pointer self, bool held) {
  auto& state = self->state;
  for (auto at = state.early.begin(); at != state.early.end();) {
    if (at->second.what.held.empty() == held || !why_kept(state, at->second.what).empty()) {
      ++at;
      continue;
    }
    const auto x = std::move(at->second);
    at = state.early.erase(at);
    state.clients[key_of(x.what.workflow, x.what.group)].early = 0;
    take_request(self, x.what, *x.layout);
  }
}

/// What holds places is booked before anybody else gets them.
void give_out(pool_pointer self) {
  take_early(self, true);
  serve_networks(self);
  grant_waiting(self);
  take_early(self, false);
}

/// What waits to be booked on a node that will not come fails.
void give_up_node(pool_pointer self, const std::string& node) {
  auto& state = self->state;
  std::vector<std::uint64_t> failed;
  for (const auto& [arrival, x] : state.early)
    if (missing_node(state, x.what) == node)
      failed.push_back(arrival);
  for (const auto arrival : failed) {
    const auto& request = state.early.at(arrival).what;
    refuse(self, key_of(request.workflow, request.group), ec::not_found, "node " + node + " has left the pool");
    state.early.erase(arrival);
  }
}

} // namespace

pool_actor::behavior_type pool(pool_actor::stateful_pointer<pool_state> self, pool_config config,
                               failure_handler on_failure) {
  auto& state = self->state;
  guard(self, "pool", std::move(on_failure));
  state.addresses = loopback_addresses{config.first_address};
  state.next_epoch = config.first_epoch;
  state.config = std::move(config);
  state.queue = gang_queue{{}, state.config.queue};
  return {
      depth_of_mailbox(self),
      [self, &state](join_atom, const pool_node_ptr& node) {
        join_node(state, node);
        give_out(self);
      },
      [self, &state](set_atom, const std::string& node, node_condition x, const std::string& why) {
        if (set_node_condition(state, node, x, why))
          give_out(self);
        else if (x == node_condition::gone)
          give_up_node(self, node);
      },
      [self, &state](delayed_atom, const std::string& why) {
        if (state.has_node() || state.unavailable == why)
          return;
        state.unavailable = why;
        for (const auto& [arrival, x] : state.early) {
          const auto& client = state.clients[key_of(x.what.workflow, x.what.group)];
          self->send(client.group, delayed_atom::value, client.ticket, why_kept(state, x.what));
        }
      },
      [&state](stop_atom, const std::string& why) { state.paused = why; },
      [self, &state](start_atom) {
        state.paused.clear();
        give_out(self);
      },
      [&state](report_atom) { return view_of(state); },
      [self, &state](check_atom, const plan_ptr& layout, const node_amounts& at_least) {
        widen_nodes(state, at_least);
        grant_waiting(self);
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
        if (const auto why = why_kept(state, request); why.empty())
          take_request(self, request, *layout);
        else
          keep_request(self, request, layout, why);
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
        if (const auto heir = state.queue.hand_over(key))
          take_places(self, heir->key, heir->where);
        forget_nodes(state);
        serve_networks(self);
        grant_waiting(self);
      },
  };
}

} // namespace muster
