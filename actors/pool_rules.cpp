#include "actors/pool_rules.hpp"

#include "actors/pool_avoidance.hpp"
#include "actors/pool_terms.hpp"
#include "actors/pool_why.hpp"

#include <caf/all.hpp>

#include <algorithm>
#include <set>
#include <utility>

namespace muster {

namespace {

/// What a gang that is in the queue asks for, by the policy as it is now.
result<gang_request> request_now(const pool_state& state, gang_key key) {
  const auto found = state.clients.find(key);
  if (found == state.clients.end())
    return error{ec::not_found, "nobody asks for it"};
  const auto& x = found->second;
  auto terms = terms_of(state, *x.layout, x.terms, x.at_most, x.who.group_size);
  if (!terms)
    return terms.failure();
  return gang_request{gang_of(state, *x.layout, members_of(key, x), x.avoids), *std::move(terms)};
}

/// Who waits and fitted the nodes by the former rules, but would not by these, were all nodes empty.
void turn_away(pool_pointer self, const std::set<gang_key>& stranded_before) {
  auto& state = self->state;
  for (const auto key : state.queue.stranded()) {
    if (stranded_before.count(key) > 0 || state.queue.is_promised(key))
      continue;
    const auto now = request_now(state, key);
    if (!now)
      continue;
    const auto lacks = state.queue.lacks_nodes(now->who, now->terms);
    const bool later = may_fit_later(state, now->who, now->terms);
    state.queue.withdraw(key);
    refuse(self, key, later ? ec::unavailable : ec::never_fits,
           "the policy of pool " + state.config.name +
               " has changed: " + (lacks ? text_of(*lacks) : "no node is left that it may use"));
  }
}

} // namespace

queue_policy queue_policy_for(const pool_config& x) {
  auto out = queue_policy_of(*x.policy);
  if (x.max_parallel > 0)
    out.max_parallel = x.max_parallel;
  out.leave_within = x.leave_within;
  return out;
}

void ask_all_anew(pool_pointer self) {
  auto& state = self->state;
  state.queue.advance(self->clock().now());
  const auto ruled_out =
      state.queue.set_policy(queue_policy_for(state.config), [&](gang_key key) { return request_now(state, key); });
  for (const auto& one : ruled_out)
    refuse(self, one.key, ec::never_fits, "the policy of pool " + state.config.name + " has changed: " + one.why);
}

void take_rules(pool_pointer self, const pool_rules& x) {
  auto& state = self->state;
  const auto before = state.queue.stranded();
  state.config.policy = x.policy;
  state.config.leave_within = x.leave_within;
  ask_all_anew(self);
  end_avoiding(self);
  turn_away(self, {before.begin(), before.end()});
  ++state.offers; // What waits for more nodes may fit those that there are.
}

} // namespace muster
