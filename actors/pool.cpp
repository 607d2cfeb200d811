#include "actors/pool.hpp"

#include "actors/mailbox_meter.hpp"
#include "actors/pool_addresses.hpp"
#include "actors/pool_avoidance.hpp"
#include "actors/pool_grants.hpp"
#include "actors/pool_nodes.hpp"
#include "actors/pool_report.hpp"
#include "actors/pool_rules.hpp"
#include "actors/pool_terms.hpp"
#include "actors/pool_why.hpp"

#include <caf/all.hpp>

#include <algorithm>
#include <unordered_set>

namespace muster {

namespace {

/// Groups that can never be placed are named up to this number.
constexpr std::size_t max_reasons = 20;

/// Keeps a request until it can be taken up.
void keep_request(pool_pointer self, pool_state::early_request x, const std::string& why) {
  auto& state = self->state;
  auto& client = state.clients[key_of(x.what.workflow, x.what.group)];
  client.early = ++state.arrivals;
  state.early.emplace(client.early, std::move(x));
  tell(self, client, delayed_atom::value, why);
}

/// Outside the queue: it would be the first in it for ever, and nobody behind it would get what it cannot use.
void keep_until_more_nodes(pool_pointer self, const placement_request& request, const plan_ptr& layout,
                           wait_reason lacks) {
  pool_state::early_request x{request, layout, std::move(lacks), self->state.offers};
  const auto why = why_more_nodes(self->state, x).text;
  keep_request(self, std::move(x), why);
}

void restore(pool_pointer self, gang_key key, const gang& who, const gang_terms& terms,
             const std::vector<placed_member>& held) {
  auto& state = self->state;
  std::vector<std::pair<std::string, std::vector<std::uint32_t>>> where;
  where.reserve(held.size());
  for (const auto& x : held)
    where.emplace_back(x.node, x.gpus);
  // None was recorded before the crash, but they were found where their executor is.
  if (std::all_of(where.begin(), where.end(), [](const auto& x) { return x.first.empty(); }))
    where.front().first = only_node_of(state, held.front().executor);
  const auto booked = state.queue.restore(key, who, where, terms);
  if (!booked) {
    refuse(self, key, booked.failure().code, booked.failure().message);
    return;
  }
  restore_addresses(state, key, state.clients[key], *booked, held);
  take_places(self, key, *booked);
}

void ask(pool_pointer self, const placement_request& request, const plan_ptr& layout, const gang& who,
         const gang_terms& terms) {
  auto& state = self->state;
  const auto key = key_of(request.workflow, request.group);
  // Accepted when a larger range was configured.
  if (auto why = never_has_network(state, state.clients[key].who.group_size)) {
    refuse(self, key, ec::never_fits, *std::move(why));
    return;
  }
  // Others like it may hold places on a node that is leaving, or offers less now: then the queue takes it for one that
  // fits.
  if ((state.leaving > 0 || state.has_changed) && may_fit_later(state, who, terms))
    if (auto lacks = state.queue.lacks_nodes(who, terms))
      return keep_until_more_nodes(self, request, layout, *std::move(lacks));
  const auto now = self->clock().now();
  state.queue.advance(now);
  const auto answer = state.queue.submit(key, who, terms, now - state.clients[key].asked);
  if (const auto* where = std::get_if<assignment>(&answer)) {
    take_places(self, key, *where);
  } else if (const auto* wait = std::get_if<no_place>(&answer)) {
    const auto& client = state.clients[key];
    tell(self, client, delayed_atom::value, wait->reason + what_is_avoided(client));
    look_for_victims(self);
  } else {
    auto lacks = may_fit_later(state, who, terms) ? state.queue.lacks_nodes(who, terms) : std::nullopt;
    if (lacks)
      keep_until_more_nodes(self, request, layout, *std::move(lacks));
    else
      refuse(self, key, ec::never_fits, std::get<refused>(answer).reason);
  }
}

/// Why these members can never be placed here together, be it for want of capacity or of a network.
std::optional<std::string> never_fits(const pool_state& state, const gang& who, const gang_terms& terms) {
  if (auto why = state.queue.never_fits(who, terms)) {
    const bool wants_gpus = std::any_of(who.begin(), who.end(), [](const auto& x) { return x.gpu > 0; });
    if (const auto no_gpus = why_no_gpus(state); wants_gpus && !no_gpus.empty())
      *why += ": " + no_gpus;
    return why;
  }
  return never_has_network(state, static_cast<std::uint32_t>(who.size()));
}

std::vector<std::string> check(const pool_state& state, const plan& layout, const workflow_terms& asked) {
  const auto terms = terms_of(state, layout, asked, 0, 0);
  if (!terms)
    return {terms.failure().message};
  if (!state.has_node() && !state.config.may_grow)
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
    const auto who = gang_of(state, layout, members);
    if (const auto why = may_fit_later(state, who, *terms) ? std::nullopt : never_fits(state, who, *terms))
      reasons.push_back("group " + std::string{layout.group_name(g)} + ": " + *why);
    else if (single != nullptr)
      fitting.insert(single);
  }
  return reasons;
}

/// Takes up a request, now that there is a node.
void take_request(pool_pointer self, const placement_request& request, const plan_ptr& layout) {
  auto& state = self->state;
  const auto key = key_of(request.workflow, request.group);
  state.clients[key].who = part_of(*layout, request);
  const auto terms = terms_of(state, *layout, request.terms, request.at_most, state.clients[key].who.group_size);
  if (!request.held.empty())
    restore(self, key, gang_of(state, *layout, request.members), terms ? *terms : gang_terms{}, request.held);
  else if (terms)
    ask(self, request, layout, choose_nodes(self, request, *layout, *terms), *terms);
  else
    refuse(self, key, terms.failure().code, terms.failure().message);
}

void forget_early(pool_state& state, const pool_state::client& x) {
  if (x.early != 0)
    state.early.erase(x.early);
}

/// Takes up what was kept, as far as that can be: what is to be booked, or what asks for new places.
void take_early(pool_pointer self, bool held) {
  auto& state = self->state;
  for (auto at = state.early.begin(); at != state.early.end();) {
    if (at->second.what.held.empty() == held || why_kept(state, at->second)) {
      ++at;
      continue;
    }
    const auto x = std::move(at->second);
    at = state.early.erase(at);
    state.clients[key_of(x.what.workflow, x.what.group)].early = 0;
    take_request(self, x.what, x.layout);
  }
}

/// What holds places is booked before anybody else gets them.
void give_out(pool_pointer self) {
  take_early(self, true);
  serve_networks(self);
  grant_waiting(self);
  take_early(self, false);
}

/// Forgets a gang, and what it has; who has its place then, if it was promised.
std::optional<grant> forget(pool_pointer self, gang_key key) {
  auto& state = self->state;
  const auto found = state.clients.find(key);
  if (found == state.clients.end())
    return std::nullopt;
  forget_early(state, found->second);
  if (found->second.since != caf::actor_clock::time_point{})
    state.runs.add(self->clock().now() - found->second.since);
  give_back_addresses(state, key, found->second);
  state.clients.erase(found);
  return state.queue.hand_over(key);
}

/// What a gang has is others' now.
void let_go(pool_pointer self, gang_key key) {
  auto& state = self->state;
  if (state.clients.count(key) == 0)
    return;
  if (const auto heir = forget(self, key))
    take_places(self, heir->key, heir->where);
  forget_nodes(state);
  serve_networks(self);
  grant_waiting(self);
}

/// Takes up a request, or keeps it until that can be done. What was booked for it is booked anew, as it says now.
void take_or_keep(pool_pointer self, const placement_request& request, const plan_ptr& layout,
                  const group_actor& group) {
  auto& state = self->state;
  const auto key = key_of(request.workflow, request.group);
  if (const auto before = state.clients.find(key); before != state.clients.end()) {
    if (before->second.expected)
      static_cast<void>(forget(self, key));
    else
      forget_early(state, before->second);
  }
  auto& client = state.clients[key];
  client = {};
  client.group = group;
  client.expected = !group;
  client.ticket = request.ticket;
  client.last = request.last;
  client.layout = layout;
  client.terms = request.terms;
  client.at_most = request.at_most;
  client.asked = self->clock().now() - std::chrono::milliseconds{request.waited};
  if (const auto why = why_kept(state, request))
    keep_request(self, {request, layout}, why->text);
  else
    take_request(self, request, layout);
}

/// Who waits and would not fit any more is put off: its group asks again, and waits outside the queue.
void put_off_stranded(pool_pointer self, const std::string& why) {
  auto& state = self->state;
  if (!state.config.may_grow)
    return;
  for (const auto key : state.queue.stranded()) {
    state.queue.withdraw(key);
    refuse(self, key, ec::unavailable, why);
  }
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
  state.queue = gang_queue{{}, queue_policy_for(state.config)};
  return {
      depth_of_mailbox(self),
      [self, &state](join_atom, const pool_node_ptr& node) {
        const bool has_changed = join_node(state, node);
        end_avoiding(self);
        if (has_changed)
          put_off_stranded(self, "node " + node->name + " offers less than before");
        give_out(self);
      },
      [self, &state](set_atom, const std::string& node, node_condition x, const std::string& why) {
        const bool is_known = set_node_condition(state, node, x, why);
        if (is_known)
          end_avoiding(self);
        if (is_known && x == node_condition::gone)
          put_off_stranded(self, "the nodes that it would have fitted have left the pool");
        if (is_known)
          give_out(self);
        else if (x == node_condition::gone)
          give_up_node(self, node);
      },
      [self](set_atom, const pool_rules_ptr& rules) {
        take_rules(self, *rules);
        give_out(self);
      },
      [self](release_atom, const std::string& node, const std::string& why) { vacate(self, node, why); },
      [self, &state](delayed_atom, const std::string& why) {
        if (state.has_node() || state.unavailable == why)
          return;
        state.unavailable = why;
        for (const auto& [arrival, x] : state.early) {
          const auto& client = state.clients[key_of(x.what.workflow, x.what.group)];
          tell(self, client, delayed_atom::value, why_kept(state, x)->text);
        }
      },
      [&state](stop_atom, const std::string& whose, const std::string& why) { state.paused[whose] = why; },
      [self, &state](start_atom, const std::string& whose) {
        if (state.paused.erase(whose) > 0)
          give_out(self);
      },
      [&state](report_atom) { return view_of(state); },
      [self, &state](check_atom, const plan_ptr& layout, const node_amounts& at_least, const workflow_terms& terms) {
        widen_nodes(state, at_least);
        grant_waiting(self);
        return check(state, *layout, terms);
      },
      [self, &state](check_atom, workflow_key workflow, const std::vector<group_index>& groups) {
        state.queue.advance(self->clock().now());
        return why_waiting(state, workflow, groups);
      },
      [self, &state](place_atom, const placement_request& request, const plan_ptr& layout, const group_actor& group) {
        const auto begun = std::chrono::steady_clock::now();
        take_or_keep(self, request, layout, group);
        state.config.counted->placement.add(std::chrono::steady_clock::now() - begun);
      },
      [self, &state](place_atom, const placement_request& request, const plan_ptr& layout) {
        const auto key = key_of(request.workflow, request.group);
        const auto known = state.clients.find(key);
        if (known != state.clients.end() && !known->second.expected)
          return; // It has asked itself since.
        if (request.held.empty())
          return let_go(self, key);
        take_or_keep(self, request, layout, group_actor{});
        grant_waiting(self); // As it was booked before, it may have stood in somebody's way.
      },
      [self](release_atom, workflow_key workflow, group_index group) { let_go(self, key_of(workflow, group)); },
      [self](internal_atom, place_atom) {
        end_avoiding(self);
        grant_waiting(self);
      },
      [self](internal_atom, tick_atom) { make_way(self); },
  };
}

} // namespace muster
