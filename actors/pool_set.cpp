#include "actors/pool_set.hpp"

#include "actors/ask.hpp"
#include "actors/leftovers.hpp"
#include "actors/node.hpp"
#include "actors/wall_clock.hpp"
#include "muster/base/log.hpp"
#include "muster/base/nearest.hpp"
#include "muster/config/policy_patch.hpp"
#include "muster/store/reader.hpp"

#include <caf/all.hpp>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace muster {

namespace {

/// Of a POOL to say that a NODE's offer is in its mailbox.
constexpr std::chrono::milliseconds join_limit{60'000};

/// Beyond the grace, until who was asked to make way has.
constexpr std::chrono::seconds margin_to_leave{30};

std::chrono::seconds time_to_leave(std::chrono::milliseconds grace) {
  return std::chrono::duration_cast<std::chrono::seconds>(grace) + margin_to_leave;
}

pool_config config_of(const pool_setup& setup, std::size_t position, bool is_default, epoch first) {
  pool_config x;
  x.name = setup.name;
  x.is_default = is_default;
  x.oversubscribe = setup.oversubscribe;
  x.max_parallel = setup.max_parallel;
  x.may_grow = setup.agents.has_value();
  if (setup.agents && setup.agents->reschedule_lost)
    x.gives_up_after = std::chrono::duration_cast<std::chrono::seconds>(setup.agents->lost_after);
  constexpr std::uint32_t addresses_per_runtime = 256;
  constexpr std::uint32_t addresses_per_pool = 1U << 18U;
  x.first_address = static_cast<std::uint32_t>(getpid()) * addresses_per_runtime + 1 +
                    static_cast<std::uint32_t>(position) * addresses_per_pool;
  x.first_epoch = first;
  return x;
}

template <class Entries>
std::string names_of(const Entries& pools) {
  std::string out;
  for (const auto& x : pools)
    out += (out.empty() ? "" : ", ") + x->name;
  return out;
}

/// What counts where `set` is set over the file.
result<config::pool_policy> policy_of_file(const config::pool_policy& from_file, const std::string& set,
                                           bool has_agents) {
  auto now = config::with_set(from_file, set);
  if (now && !has_agents && config::names_drivers(*now))
    return error{ec::invalid_argument,
                 "policy: `default_driver` and `driver` of a platform are of pools that agents join"};
  return now;
}

} // namespace

/// A driver, the EXECUTOR that wraps it, and what is known of it.
struct pool_set::hosted {
  executor_actor actor;
  std::unique_ptr<executor_listener> listener;
  std::shared_ptr<driver> runs; ///< Behind its listener, before which it has to end.
  std::shared_ptr<driver_meter> counted = std::make_shared<driver_meter>();
  std::shared_ptr<mailbox_gauge> mailbox;
  std::shared_ptr<const capabilities> offered; ///< Null while it is down.
  error problem;                               ///< Why it is.
  std::optional<agent_pool> agents;            ///< Of a pool that they join, which is the only one of this driver.
};

std::string pool_set::host_of_pools::names() const {
  std::string out;
  for (const auto& x : pools)
    out += (out.empty() ? "" : ",") + x->name;
  return out;
}

std::vector<pool_set::host_of_pools> pool_set::by_host(const entries& pools) {
  std::vector<host_of_pools> out;
  for (const auto& x : pools) {
    auto at = std::find_if(out.begin(), out.end(), [&](const auto& known) { return known.host == x->runs; });
    if (at == out.end())
      at = out.insert(at, {x->runs, {}});
    at->pools.push_back(x);
  }
  return out;
}

result<std::unique_ptr<pool_set>> pool_set::probe(std::vector<pool_setup> pools, std::string default_pool,
                                                  bool any_name) {
  if (pools.empty())
    return error{ec::invalid_argument, "a runtime needs a pool"};
  if (default_pool.empty())
    default_pool = pools.front().name;
  std::unique_ptr<pool_set> out{new pool_set(std::move(default_pool), any_name)};
  for (auto& setup : pools)
    if (auto taken = out->take(std::move(setup)); !taken)
      return taken.failure();
  if (std::none_of(out->pools_.begin(), out->pools_.end(), [&](const auto& x) { return out->is_default(*x); }))
    return error{ec::invalid_argument,
                 "the default pool " + out->default_ + " is not there; pools: " + names_of(out->pools_)};
  return out;
}

result<void> pool_set::take(pool_setup setup) {
  if (setup.name.empty() || (setup.executor != nullptr) == setup.agents.has_value())
    return {ec::invalid_argument, "a pool needs a name and an executor"};
  if (std::any_of(pools_.begin(), pools_.end(), [&](const auto& x) { return x->name == setup.name; }))
    return {ec::invalid_argument, "there are two pools " + setup.name};
  auto x = std::make_shared<entry>();
  x->name = setup.name;
  x->runs = setup.agents ? host_agents() : host(std::move(setup.executor));
  x->position = pools_.size();
  x->from_file = setup.policy;
  x->rules = {std::make_shared<const config::pool_policy>(setup.policy)};
  if (!x->runs->offered) {
    if (!setup.may_be_down)
      return x->runs->problem;
    log::warn("pool", "pool is unavailable", {{"pool", setup.name}, {"why", x->runs->problem.message}});
  }
  setup.executor = nullptr;
  x->setup = std::move(setup);
  pools_.push_back(std::move(x));
  return {};
}

pool_set::~pool_set() {
  end_drivers();
}

std::shared_ptr<pool_set::hosted> pool_set::host(std::shared_ptr<driver> runs) const {
  for (const auto& x : pools_)
    if (x->runs->runs == runs)
      return x->runs;
  auto x = std::make_shared<hosted>();
  x->runs = std::move(runs);
  if (auto offered = x->runs->probe())
    x->offered = std::make_shared<const capabilities>(std::move(*offered));
  else
    x->problem = offered.failure();
  return x;
}

/// Its driver is there when the actors are.
std::shared_ptr<pool_set::hosted> pool_set::host_agents() {
  auto x = std::make_shared<hosted>();
  x->offered = std::make_shared<const capabilities>(offer_of_agents());
  return x;
}

result<void> pool_set::read_nodes(const store::state_directory& directory) {
  if (std::none_of(pools_.begin(), pools_.end(), [](const auto& x) { return x->has_agents(); }))
    return {};
  auto read = read_fleet_ground(directory);
  if (!read)
    return read.failure();
  ground_ = std::move(*read);
  return {};
}

result<void> pool_set::read_policies(const store::state_directory& directory) {
  auto reader = store::reader::open(directory);
  if (!reader)
    return reader.failure();
  const auto stored = reader->pool_policies();
  if (!stored)
    return stored.failure();
  for (const auto& x : pools_)
    if (const auto found = stored->find(x->name); found != stored->end())
      if (const auto done = override_policy(*x, found->second); !done)
        log::warn("pool", "what was set of a policy is passed over",
                  {{"pool", x->name}, {"why", done.failure().message}});
  return {};
}

agent::joinable_pools pool_set::joinable() const {
  agent::joinable_pools out;
  for (const auto& x : listed())
    if (x->has_agents())
      out.emplace(x->name, agent::joinable_pool{x->runs->agents->fleet, x->setup.agents->node_labels});
  return out;
}

agent::fleet_actor pool_set::fleet_of(const entry& x) const {
  return x.runs->agents->fleet;
}

void pool_set::make_fleet(const entry& x, const fleet_ground& on) const {
  x.runs->agents = make_agent_pool(*system_, x.setup, on, on_failure_);
  x.runs->runs = agent::make_fleet_driver(x.runs->agents->fleet, *x.runs->offered);
}

void pool_set::spawn_executor(hosted& x) const {
  x.actor = system_->spawn(executor, x.runs, x.counted);
  x.listener = std::make_unique<executor_listener>(x.actor);
}

void pool_set::spawn_pool(entry& x, epoch first) const {
  auto config = config_of(x.setup, x.position, is_default(x), first);
  config.counted = counted_;
  config.policy = x.rules.now;
  config.leave_within = time_to_leave(grace_);
  x.actor = system_->spawn(pool, std::move(config), on_failure_);
  x.mailbox = std::make_shared<mailbox_gauge>("pool " + x.name);
}

void pool_set::start(caf::actor_system& system, const store::state_directory& directory, const journal_actor& journal,
                     const std::shared_ptr<meters>& counted, std::chrono::milliseconds stop_grace,
                     const failure_handler& on_failure) {
  system_ = &system;
  directory_ = directory;
  counted_ = counted;
  on_failure_ = on_failure;
  grace_ = stop_grace;
  // Leases of a later runtime are newer than those of an earlier one.
  const auto first = take_first_epoch(directory, std::chrono::time_point_cast<duration>(timestamp::clock::now()));
  ground_.journal = journal;
  ground_.first_lease = first;
  for (const auto& x : pools_)
    if (x->has_agents())
      make_fleet(*x, ground_);
  ground_.nodes.clear(); // From now on the FLEETs know.
  const auto hosts = by_host(pools_);
  for (const auto& x : hosts) {
    spawn_executor(*x.host);
    x.host->mailbox = std::make_shared<mailbox_gauge>("executor " + x.names());
  }
  for (const auto& x : pools_)
    spawn_pool(*x, first);
  for (const auto& x : hosts)
    if (x.host->offered) {
      bring_up(*x.host, x.pools);
      x.host->runs->clean_up(judge_by_store(directory));
    }
  for (const auto& x : pools_)
    if (!x->runs->offered)
      caf::anon_send(x->actor, delayed_atom::value, x->runs->problem.message);
}

/// What it offers is known.
void pool_set::bring_up(hosted& x, const entries& of) const {
  x.runs->listen(*x.listener);
  for (const auto& p : of) {
    if (x.agents) {
      connect(*x.agents, p->actor, x.actor);
      continue;
    }
    auto offered = *x.offered;
    if (p->setup.gpus)
      offered.total.gpus = *p->setup.gpus;
    auto made = system_->spawn(node, std::string{own_node}, std::move(offered), x.actor);
    static_cast<void>(ask<std::string>(*system_, join_limit, made, join_atom::value, p->actor));
    p->node = std::move(made);
  }
}

// -- pools that come and go

result<void> pool_set::may_add(const std::string& name) const {
  constexpr std::ptrdiff_t most_made = 256;
  const auto all = listed();
  if (std::any_of(all.begin(), all.end(), [&](const auto& x) { return x->name == name; }))
    return {ec::conflict, "there is a pool " + name + " already"};
  if (std::count_if(all.begin(), all.end(), [](const auto& x) { return x->setup.is_made; }) >= most_made)
    return {ec::conflict, "there are " + std::to_string(most_made) +
                              " pools that were made so already, and a head has no more: delete one, or have the pool "
                              "in the configuration"};
  return {};
}

result<void> pool_set::add(pool_setup setup, const std::string& set, std::vector<store::node_record> known,
                           epoch first_lease) {
  auto now = policy_of_file(setup.policy, set, true);
  if (!now)
    return now.failure();
  auto x = std::make_shared<entry>();
  x->name = setup.name;
  x->runs = host_agents();
  x->from_file = setup.policy;
  x->rules = {std::make_shared<const config::pool_policy>(*std::move(now)), set};
  x->setup = std::move(setup);
  std::unique_lock lock{mutex_};
  auto ground = ground_;
  lock.unlock();
  ground.nodes = std::move(known);
  ground.first_lease = first_lease;
  make_fleet(*x, ground); // Looks into the store.
  lock.lock();
  const bool is_there =
      std::any_of(pools_.begin(), pools_.end(), [&](const auto& other) { return other->name == x->name; });
  if (ended_ || is_there) {
    caf::anon_send_exit(x->runs->agents->fleet, caf::exit_reason::user_shutdown);
    return ended_ ? error{ec::unavailable, "the runtime is ending"}
                  : error{ec::conflict, "there is a pool " + x->name + " already"};
  }
  const auto is_taken = [&](std::size_t position) {
    return std::any_of(pools_.begin(), pools_.end(), [&](const auto& other) { return other->position == position; });
  };
  while (is_taken(x->position))
    ++x->position;
  spawn_executor(*x->runs);
  x->runs->mailbox = std::make_shared<mailbox_gauge>("executor " + x->name);
  spawn_pool(*x, first_lease);
  for (const auto& [cause, why] : paused_)
    caf::anon_send(x->actor, stop_atom::value, cause, why);
  bring_up(*x->runs, {x});
  pools_.push_back(std::move(x));
  return {};
}

void pool_set::drop(const entry_ptr& x) {
  {
    const std::lock_guard lock{mutex_};
    const auto found = std::find(pools_.begin(), pools_.end(), x);
    if (found == pools_.end() || ended_)
      return;
    pools_.erase(found);
  }
  caf::anon_send_exit(x->actor, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(x->runs->actor, caf::exit_reason::user_shutdown);
  // The FLEET calls the listener until it has ended.
  const auto fleet = x->runs->agents->fleet;
  fleet->attach_functor([keep = x->runs] {});
  x->runs->agents->link->end();
  caf::anon_send_exit(fleet, caf::exit_reason::user_shutdown);
}

pool_set::entries pool_set::listed() const {
  const std::lock_guard lock{mutex_};
  return pools_;
}

std::vector<pool_set::entry_ptr> pool_set::all() const {
  const std::lock_guard lock{mutex_};
  return {pools_.begin(), pools_.end()};
}

bool pool_set::has(const entry& x) const {
  const std::lock_guard lock{mutex_};
  return std::any_of(pools_.begin(), pools_.end(), [&](const auto& one) { return one.get() == &x; });
}

// -- whether they are available

std::vector<std::string> pool_set::probe_again() {
  std::vector<std::string> up;
  for (const auto& [host, pools] : by_host(listed())) {
    {
      const std::lock_guard lock{drivers_mutex_};
      if (host->offered || ended_)
        continue;
    }
    auto offered = host->runs->probe(); // Nobody else uses a driver that is down.
    const std::lock_guard lock{drivers_mutex_};
    if (ended_)
      return up;
    if (!offered) {
      host->problem = offered.failure();
      for (const auto& p : pools)
        caf::anon_send(p->actor, delayed_atom::value, host->problem.message);
      continue;
    }
    host->offered = std::make_shared<const capabilities>(std::move(*offered));
    for (const auto& p : pools)
      caf::anon_send(p->actor, stop_atom::value, std::string{taking_up}, std::string{why_taking_up});
    bring_up(*host, pools);
    host->runs->clean_up(judge_by_store(*directory_));
    for (const auto& p : pools)
      up.push_back(p->name);
  }
  for (const auto& name : up)
    log::info("pool", "pool is available", {{"pool", name}});
  return up;
}

void pool_set::pause(const std::string& cause, const std::string& why) {
  const std::lock_guard lock{mutex_};
  paused_[cause] = why;
  for (const auto& x : pools_)
    caf::anon_send(x->actor, stop_atom::value, cause, why);
}

void pool_set::go_on(const std::string& cause) {
  const std::lock_guard lock{mutex_};
  paused_.erase(cause);
  for (const auto& x : pools_)
    caf::anon_send(x->actor, start_atom::value, cause);
}

bool pool_set::all_up() const {
  const auto all = listed();
  const std::lock_guard lock{drivers_mutex_};
  return std::all_of(all.begin(), all.end(), [](const auto& x) { return x->runs->offered != nullptr; });
}

result<pool_set::entry_ptr> pool_set::find(const std::string& name) const {
  const auto& wanted = name.empty() ? default_ : name;
  const auto pools = listed();
  const auto at = [&](const std::string& which) {
    return std::find_if(pools.begin(), pools.end(), [&](const auto& x) { return x->name == which; });
  };
  auto found = at(wanted);
  if (found == pools.end() && any_name_)
    found = at(default_);
  if (found != pools.end())
    return entry_ptr{*found};
  std::vector<std::string> known;
  for (const auto& x : pools)
    known.push_back(x->name);
  const auto hint = did_you_mean(wanted, known);
  return error{ec::invalid_argument,
               "there is no pool " + wanted + (hint.empty() ? "" : "; " + hint) + "; pools: " + names_of(pools)};
}

// -- rules

policy_in_force pool_set::policy_of(const entry& x) const {
  const std::lock_guard lock{mutex_};
  return x.rules;
}

void pool_set::set_policy(const entry& x, const config::pool_policy& from_file) {
  const std::lock_guard lock{mutex_};
  x.from_file = from_file;
  auto now = config::with_set(from_file, x.rules.set);
  x.rules.now = std::make_shared<const config::pool_policy>(now ? *std::move(now) : from_file);
  tell_rules(x);
}

result<config::pool_policy> pool_set::policy_with(const entry& x, const std::string& set) const {
  const std::lock_guard lock{mutex_};
  return policy_of_file(x.from_file, set, x.has_agents());
}

result<void> pool_set::override_policy(const entry& x, const std::string& set) {
  const std::lock_guard lock{mutex_};
  auto now = policy_of_file(x.from_file, set, x.has_agents());
  if (!now)
    return now.failure();
  x.rules = {std::make_shared<const config::pool_policy>(*std::move(now)), set};
  if (system_ != nullptr)
    tell_rules(x);
  return {};
}

void pool_set::set_grace(std::chrono::milliseconds x) {
  const std::lock_guard lock{mutex_};
  if (std::exchange(grace_, x) == x)
    return;
  for (const auto& pool : pools_)
    tell_rules(*pool);
}

/// Under the lock, so that the newest ones come last.
void pool_set::tell_rules(const entry& x) const {
  auto now = std::make_shared<pool_rules>();
  now->policy = x.rules.now;
  now->leave_within = time_to_leave(grace_);
  caf::anon_send(x.actor, set_atom::value, pool_rules_ptr{std::move(now)});
}

// -- what runs them

result<std::shared_ptr<const capabilities>> pool_set::offered(const entry& x) const {
  const std::lock_guard lock{drivers_mutex_};
  const auto& known = *x.runs;
  if (known.offered)
    return known.offered;
  return error{ec::unavailable, "pool " + x.name + " is unavailable: " + known.problem.message};
}

driver& pool_set::driver_of(const entry& x) const {
  return *x.runs->runs;
}

caf::strong_actor_ptr pool_set::executor_of(const entry& x) const {
  return caf::actor_cast<caf::strong_actor_ptr>(x.runs->actor);
}

std::vector<watched_mailbox> pool_set::mailboxes() const {
  const std::lock_guard lock{mutex_};
  std::vector<watched_mailbox> out;
  if (ended_)
    return out;
  for (const auto& x : pools_)
    out.push_back({x->actor, x->mailbox});
  for (const auto& x : by_host(pools_))
    out.push_back({x.host->actor, x.host->mailbox});
  return out;
}

std::vector<driver_measures> pool_set::measure() const {
  std::vector<driver_measures> out;
  for (const auto& host : by_host(listed())) {
    const auto& from = *host.host->counted;
    driver_measures x;
    x.pools = host.names();
    x.prepares = from.prepares.read();
    x.starts = from.starts.read();
    x.prepares_failed = from.prepares_failed;
    x.starts_failed = from.starts_failed;
    x.exits = from.exits;
    x.lost = from.lost;
    x.attempts = from.attempts;
    out.push_back(std::move(x));
  }
  return out;
}

// -- the end

void pool_set::end() {
  const std::scoped_lock lock{mutex_, drivers_mutex_};
  ended_ = true;
  const auto end = [](auto& handle) {
    if (handle)
      caf::anon_send_exit(handle, caf::exit_reason::user_shutdown);
    handle = nullptr;
  };
  for (const auto& x : pools_) {
    end(x->node);
    // The handle stays: the JOURNAL may say meanwhile that its store is full.
    caf::anon_send_exit(x->actor, caf::exit_reason::user_shutdown);
  }
  for (const auto& x : by_host(pools_)) {
    end(x.host->actor);
    if (!x.host->agents)
      continue;
    x.host->agents->link->end();
    end(x.host->agents->fleet);
  }
  ground_.journal = nullptr;
}

void pool_set::end_drivers() {
  for (const auto& x : listed())
    x->runs->runs.reset();
}

} // namespace muster
