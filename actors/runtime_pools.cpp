#include "actors/runtime_impl.hpp"

#include "actors/durable_change.hpp"
#include "actors/wall_clock.hpp"
#include "muster/base/log.hpp"
#include "muster/config/policy_patch.hpp"

#include <algorithm>
#include <future>
#include <iterator>
#include <utility>

// What is asked and changed of pools.
namespace muster {

namespace {

timestamp time_now() {
  return std::chrono::time_point_cast<timestamp::duration>(timestamp::clock::now());
}

/// A FLEET that is asked to let nobody in, because its pool is being removed: unless it stays so, it opens again.
class closed_fleet {
public:
  explicit closed_fleet(agent::fleet_actor of) : of_(std::move(of)) {}
  closed_fleet(const closed_fleet&) = delete;
  closed_fleet& operator=(const closed_fleet&) = delete;
  ~closed_fleet() {
    if (of_)
      caf::anon_send(of_, agent::open_atom::value);
  }
  void stay_closed() noexcept { of_ = nullptr; }

private:
  agent::fleet_actor of_;
};

} // namespace

result<pool_set::entry_ptr> runtime::impl::pool_named(const std::string& name) const {
  const auto all = pools_->all();
  const auto found = std::find_if(all.begin(), all.end(), [&](const auto& x) { return x->name == name; });
  if (found == all.end())
    return error{ec::not_found, "there is no pool " + name};
  return *found;
}

// -- how they are

result<pool_view> runtime::impl::view_of(const pool_set::entry& pool, std::chrono::milliseconds limit) {
  const auto said = muster::ask<pool_view_ptr>(system_, limit, pool.actor, report_atom::value);
  if (!said)
    return said.failure();
  auto out = **said;
  out.agents = pool.setup.agents;
  if (out.agents) {
    out.driver = "agents"; // Each node has its own.
    out.version.clear();
  }
  out.is_made = pool.setup.is_made;
  out.overrides = config::keys_of(pools_->policy_of(pool).set);
  return out;
}

result<pool_view> runtime::impl::pool(const std::string& name, std::optional<std::chrono::milliseconds> limit) {
  const auto found = pool_named(name);
  if (!found)
    return found.failure();
  auto out = view_of(**found, limit.value_or(answer_limit_));
  if (!out && !pools_->has(**found)) // It was removed meanwhile.
    return pool_named(name) ? pool(name, limit) : error{ec::not_found, "there is no pool " + name};
  return out;
}

result<std::vector<pool_view>> runtime::impl::pools(std::optional<std::chrono::milliseconds> limit) {
  using clock = std::chrono::steady_clock;
  using std::chrono::milliseconds;
  const auto began = clock::now();
  const auto left = [&] { // Of the limit, for all of them together.
    const auto passed = std::chrono::duration_cast<milliseconds>(clock::now() - began);
    return limit ? std::max(*limit - passed, milliseconds{1}) : answer_limit_;
  };
  std::vector<pool_view> out;
  for (const auto& x : pools_->all()) {
    auto said = view_of(*x, left());
    if (said)
      out.push_back(*std::move(said));
    else if (pools_->has(*x)) // Else it was removed meanwhile.
      return said.failure();
  }
  return out;
}

// -- their policies

result<void> runtime::impl::set_policy(const std::string& pool, const config::pool_policy& policy) {
  const auto found = pool_named(pool);
  if (!found)
    return found.failure();
  const std::lock_guard one_at_a_time{pools_mutex_};
  pools_->set_policy(**found, policy);
  return {};
}

/// Under `pools_mutex_`.
result<void> runtime::impl::may_change_pools() {
  if (!can_edit_policies_) // What others have set is not known here, and would be lost.
    return {ec::unsupported, "this runtime has the pools and policies of its configuration"};
  if (pools_change_.valid() && pools_change_.wait_for(std::chrono::seconds{0}) != std::future_status::ready)
    return {ec::unavailable, "an earlier change of pools is still on its way into the store; try again"};
  if (auto why = health_->refusal())
    return *std::move(why);
  return {};
}

/// Under `pools_mutex_`.
result<void> runtime::impl::change_pools(store::service_change x, std::function<result<void>()> then) {
  pools_change_ = change_durably(system_, journal_, std::move(x), std::move(then));
  if (pools_change_.wait_for(answer_limit_) != std::future_status::ready)
    return {ec::unavailable, "the store has not answered within " + std::to_string(answer_limit_.count()) +
                                 " ms; what was asked for counts as soon as it is stored"};
  return pools_change_.get();
}

result<policy_in_force> runtime::impl::edit_policy(const std::string& pool, const policy_edit& edit) {
  const std::lock_guard one_at_a_time{pools_mutex_};
  const auto found = pool_named(pool);
  if (!found)
    return found.failure();
  if (auto may = may_change_pools(); !may)
    return may.failure();
  const auto set = edit(pools_->policy_of(**found));
  if (!set)
    return set.failure();
  if (const auto good = pools_->policy_with(**found, *set); !good)
    return good.failure();
  const auto done = change_pools(store::pool_policy_set{pool, *set, time_now()}, [this, to = *found, set = *set] {
    auto taken = pools_->override_policy(*to, set);
    if (!taken) // Maybe nobody waits any more.
      log::warn("pool", "what was set of a policy is passed over",
                {{"pool", to->name}, {"why", taken.failure().message}});
    return taken;
  });
  if (!done)
    return done.failure();
  return pools_->policy_of(**found);
}

// -- pools that come and go

result<void> runtime::impl::make_pool(new_pool x) {
  const std::lock_guard one_at_a_time{pools_mutex_};
  if (auto may = may_change_pools(); !may)
    return may;
  {
    const std::lock_guard lock{mutex_};
    if (!agents_gate_)
      return {ec::conflict, "agents cannot connect to this head, so no pool can be made for them: give its "
                            "configuration a pool with `driver: agents`, see that agents.listen is not off, and "
                            "restart it"};
  }
  if (auto may = pools_->may_add(x.setup.name); !may)
    return may;
  if (std::find(reserved_pools_.begin(), reserved_pools_.end(), x.setup.name) != reserved_pools_.end())
    return {ec::conflict, "there is a pool " + x.setup.name +
                              " already, which this head does not serve: it was started "
                              "for others only (--pool)"};
  if (const auto good = config::with_set(x.setup.policy, x.set); !good)
    return good.failure();
  auto reader = store::reader::open(directory_);
  if (!reader)
    return reader.failure();
  auto nodes = reader->nodes(); // A configuration may have had one of that name.
  if (!nodes)
    return nodes.failure();
  nodes->erase(std::remove_if(nodes->begin(), nodes->end(), [&](const auto& n) { return n.pool != x.setup.name; }),
               nodes->end());
  x.setup.is_made = true;
  x.setup.max_parallel = max_parallel_of_made_;
  // Of what an earlier pool of that name has given to nodes, nothing is taken for a lease of this one.
  const auto first = take_first_epoch(directory_, time_now());
  store::pool_created change{{0, x.setup.name, std::move(x.settings), time_now()}, x.set};
  return change_pools(std::move(change),
                      [this, setup = std::move(x.setup), set = std::move(x.set), known = *std::move(nodes), first] {
                        auto done = pools_->add(setup, set, known, first);
                        if (done)
                          log::info("pool", "pool is made", {{"pool", setup.name}});
                        else // Maybe nobody waits any more.
                          log::error("pool", "pool is made, and is there after a restart only",
                                     {{"pool", setup.name}, {"why", done.failure().message}});
                        return done;
                      });
}

/// Of all that is stored by now.
result<void> runtime::impl::check_unfinished(const std::string& pool) const {
  auto reader = store::reader::open(directory_);
  if (!reader)
    return reader.failure();
  store::workflow_query query;
  query.unfinished = true;
  query.pool = pool;
  query.limit = 1'000;
  const auto found = reader->workflows(query);
  if (!found)
    return found.failure();
  if (found->empty())
    return {};
  const auto count = std::to_string(found->size()) + (found->size() < query.limit ? "" : " or more");
  return {ec::conflict, "pool " + pool + " has " + count +
                            (found->size() == 1 ? " unfinished workflow, " : " unfinished workflows, such as ") +
                            found->front().id + ": wait until they have ended, or cancel them"};
}

result<void> runtime::impl::remove_pool(const std::string& name) {
  const std::lock_guard one_at_a_time{pools_mutex_};
  const auto found = pool_named(name);
  if (!found)
    return found.failure();
  const auto& pool = *found;
  if (!pool->setup.is_made)
    return {ec::conflict, "pool " + name + " is of the configuration: take it out of the file, and restart the head"};
  if (pools_->is_default(*pool))
    return {ec::conflict, "pool " + name +
                              " is the default one: let the configuration name another (defaults.pool), and "
                              "restart the head"};
  if (auto may = may_change_pools(); !may)
    return may;
  if (auto none = check_unfinished(name); !none) // Who submits to it is not to be held up for nothing.
    return none;
  const auto removal = pool->users->begin_removal(answer_limit_);
  if (!removal)
    return removal.failure();
  // Whoever was at it has its workflow on its way into the store: now all of that has arrived.
  if (const auto settled = ask<sequence>(journal_, commit_atom::value, event_list{}); !settled)
    return settled.failure();
  if (auto none = check_unfinished(name); !none)
    return none;
  const auto fleet = pools_->fleet_of(*pool);
  const auto closed = std::make_shared<closed_fleet>(fleet); // Before it is known: it may be slow to answer.
  if (const auto is_empty = ask<service_answer>(fleet, agent::close_atom::value); !is_empty)
    return is_empty.failure();
  return change_pools(store::pool_deleted{name}, [this, pool, removal = *removal, closed]() -> result<void> {
    closed->stay_closed();
    pools_->drop(pool);
    removal->confirm();
    log::info("pool", "pool is removed", {{"pool", pool->name}});
    return {};
  });
}

} // namespace muster
