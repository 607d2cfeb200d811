#include "actors/pool_set.hpp"

#include "actors/ask.hpp"
#include "actors/leftovers.hpp"
#include "actors/node.hpp"
#include "actors/wall_clock.hpp"
#include "muster/base/log.hpp"
#include "muster/config/policy_patch.hpp"
#include "muster/spec/names.hpp"
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
  constexpr std::uint32_t addresses_per_runtime = 256;
  constexpr std::uint32_t addresses_per_pool = 1U << 18U;
  x.first_address = static_cast<std::uint32_t>(getpid()) * addresses_per_runtime + 1 +
                    static_cast<std::uint32_t>(position) * addresses_per_pool;
  x.first_epoch = first;
  return x;
}

std::string names_of(const std::vector<pool_set::entry>& pools) {
  std::string out;
  for (const auto& x : pools)
    out += (out.empty() ? "" : ", ") + x.name;
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

result<std::unique_ptr<pool_set>> pool_set::probe(std::vector<pool_setup> pools, std::string default_pool,
                                                  bool any_name) {
  if (pools.empty())
    return error{ec::invalid_argument, "a runtime needs a pool"};
  if (default_pool.empty())
    default_pool = pools.front().name;
  std::unique_ptr<pool_set> out{new pool_set(std::move(default_pool), any_name)};
  for (auto& setup : pools) {
    const auto same = [&](const entry& x) { return x.name == setup.name; };
    if (setup.name.empty() || (setup.executor != nullptr) == setup.agents.has_value())
      return error{ec::invalid_argument, "a pool needs a name and an executor"};
    if (std::any_of(out->pools_.begin(), out->pools_.end(), same))
      return error{ec::invalid_argument, "there are two pools " + setup.name};
    entry x;
    x.name = setup.name;
    x.executor = setup.agents ? out->host_agents() : out->host(std::move(setup.executor));
    x.has_agents = setup.agents.has_value();
    x.oversubscribe = setup.oversubscribe;
    x.gpus = setup.gpus;
    const auto& known = *out->executors_[x.executor];
    if (!known.offered) {
      if (!setup.may_be_down)
        return known.problem;
      log::warn("pool", "pool is unavailable", {{"pool", setup.name}, {"why", known.problem.message}});
    }
    out->pools_.push_back(std::move(x));
    out->rules_.push_back({setup.policy, {std::make_shared<const config::pool_policy>(setup.policy)}});
    out->setups_.push_back(std::move(setup));
  }
  if (!out->find(out->default_) ||
      std::none_of(out->pools_.begin(), out->pools_.end(), [&](const entry& x) { return x.name == out->default_; }))
    return error{ec::invalid_argument,
                 "the default pool " + out->default_ + " is not there; pools: " + names_of(out->pools_)};
  return out;
}

pool_set::~pool_set() {
  end_drivers();
}

std::size_t pool_set::host(std::shared_ptr<driver> runs) {
  for (std::size_t i = 0; i < executors_.size(); ++i)
    if (executors_[i]->runs == runs)
      return i;
  auto x = std::make_unique<hosted>();
  x->runs = std::move(runs);
  if (auto offered = x->runs->probe())
    x->offered = std::make_shared<const capabilities>(std::move(*offered));
  else
    x->problem = offered.failure();
  executors_.push_back(std::move(x));
  return executors_.size() - 1;
}

/// Its driver is there when the actors are.
std::size_t pool_set::host_agents() {
  auto x = std::make_unique<hosted>();
  x->offered = std::make_shared<const capabilities>(offer_of_agents());
  executors_.push_back(std::move(x));
  return executors_.size() - 1;
}

result<void> pool_set::read_nodes(const store::state_directory& directory) {
  if (std::none_of(pools_.begin(), pools_.end(), [](const entry& x) { return x.has_agents; }))
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
    if (const auto found = stored->find(x.name); found != stored->end())
      if (const auto done = override_policy(x, found->second); !done)
        log::warn("pool", "what was set of a policy is passed over",
                  {{"pool", x.name}, {"why", done.failure().message}});
  return {};
}

void pool_set::make_fleets(const failure_handler& on_failure) {
  for (std::size_t i = 0; i < pools_.size(); ++i) {
    if (!pools_[i].has_agents)
      continue;
    auto& x = *executors_[pools_[i].executor];
    x.agents = make_agent_pool(*system_, setups_[i], ground_, on_failure);
    x.runs = agent::make_fleet_driver(x.agents->fleet, *x.offered);
  }
}

std::map<std::string, agent::fleet_actor> pool_set::fleets() const {
  std::map<std::string, agent::fleet_actor> out;
  for (const auto& x : pools_)
    if (x.has_agents)
      out.emplace(x.name, executors_[x.executor]->agents->fleet);
  return out;
}

std::map<std::string, std::map<std::string, std::string>> pool_set::node_labels() const {
  std::map<std::string, std::map<std::string, std::string>> out;
  for (const auto& x : setups_)
    if (x.agents)
      out.emplace(x.name, x.agents->node_labels);
  return out;
}

void pool_set::start(caf::actor_system& system, const store::state_directory& directory, const journal_actor& journal,
                     const std::shared_ptr<meters>& counted, std::chrono::milliseconds stop_grace,
                     const failure_handler& on_failure) {
  system_ = &system;
  directory_ = directory;
  grace_ = stop_grace;
  // Leases of a later runtime are newer than those of an earlier one.
  const auto first = take_first_epoch(directory, std::chrono::time_point_cast<duration>(timestamp::clock::now()));
  ground_.journal = journal;
  ground_.first_lease = first;
  make_fleets(on_failure);
  for (auto& x : executors_) {
    x->actor = system.spawn(executor, x->runs, x->counted);
    x->listener = std::make_unique<executor_listener>(x->actor);
  }
  for (std::size_t i = 0; i < pools_.size(); ++i) {
    auto config = config_of(setups_[i], i, setups_[i].name == default_, first);
    config.counted = counted;
    config.policy = rules_[i].in_force.now;
    config.leave_within = time_to_leave(grace_);
    pools_[i].actor = system.spawn(pool, std::move(config), on_failure);
  }
  for (std::size_t i = 0; i < executors_.size(); ++i)
    if (executors_[i]->offered)
      bring_up(i);
  for (const auto& x : pools_)
    if (!executors_[x.executor]->offered)
      tell_unavailable(x);
}

void pool_set::tell_unavailable(const entry& x) {
  caf::anon_send(x.actor, delayed_atom::value, executors_[x.executor]->problem.message);
}

/// What it offers is known.
void pool_set::bring_up(std::size_t executor) {
  auto& x = *executors_[executor];
  x.runs->listen(*x.listener);
  for (auto& p : pools_) {
    if (p.executor != executor)
      continue;
    if (x.agents) {
      connect(*x.agents, p.actor, x.actor);
      continue;
    }
    auto offered = *x.offered;
    if (p.gpus)
      offered.total.gpus = *p.gpus;
    auto made = system_->spawn(node, std::string{"local"}, std::move(offered), x.actor);
    static_cast<void>(ask<std::string>(*system_, join_limit, made, join_atom::value, p.actor));
    p.node = std::move(made);
  }
  x.runs->clean_up(judge_by_store(*directory_));
}

std::vector<std::string> pool_set::probe_again() {
  std::vector<std::string> up;
  for (std::size_t i = 0; i < executors_.size(); ++i) {
    auto& x = *executors_[i];
    {
      const std::lock_guard lock{mutex_};
      if (x.offered || ended_)
        continue;
    }
    auto offered = x.runs->probe(); // Nobody else uses a driver that is down.
    const std::lock_guard lock{mutex_};
    if (ended_)
      return up;
    if (offered) {
      x.offered = std::make_shared<const capabilities>(std::move(*offered));
      for (const auto& p : pools_)
        if (p.executor == i)
          caf::anon_send(p.actor, stop_atom::value, std::string{taking_up}, std::string{why_taking_up});
      bring_up(i);
    } else {
      x.problem = offered.failure();
    }
    for (const auto& p : pools_)
      if (p.executor == i && x.offered)
        up.push_back(p.name);
      else if (p.executor == i)
        tell_unavailable(p);
  }
  for (const auto& name : up)
    log::info("pool", "pool is available", {{"pool", name}});
  return up;
}

void pool_set::pause(const std::string& cause, const std::string& why) {
  for (const auto& x : pools_)
    caf::anon_send(x.actor, stop_atom::value, cause, why);
}

void pool_set::go_on(const std::string& cause) {
  for (const auto& x : pools_)
    caf::anon_send(x.actor, start_atom::value, cause);
}

bool pool_set::all_up() const {
  const std::lock_guard lock{mutex_};
  return std::all_of(executors_.begin(), executors_.end(), [](const auto& x) { return x->offered != nullptr; });
}

result<const pool_set::entry*> pool_set::find(const std::string& name) const {
  const auto& wanted = name.empty() ? default_ : name;
  const auto at = [this](const std::string& which) {
    return std::find_if(pools_.begin(), pools_.end(), [&](const entry& x) { return x.name == which; });
  };
  auto found = at(wanted);
  if (found == pools_.end() && any_name_)
    found = at(default_);
  if (found != pools_.end())
    return &*found;
  std::vector<std::string> known;
  for (const auto& x : pools_)
    known.push_back(x.name);
  const auto near = spec::nearest(wanted, known);
  return error{ec::invalid_argument, "there is no pool " + wanted +
                                         (near.empty() ? "" : "; did you mean " + std::string{near} + "?") +
                                         "; pools: " + names_of(pools_)};
}

policy_in_force pool_set::policy_of(const entry& x) const {
  const std::lock_guard lock{mutex_};
  return rules_[position_of(x)].in_force;
}

void pool_set::set_policy(const entry& x, const config::pool_policy& from_file) {
  const std::lock_guard lock{mutex_};
  auto& known = rules_[position_of(x)];
  known.from_file = from_file;
  auto now = config::with_set(from_file, known.in_force.set);
  known.in_force.now = std::make_shared<const config::pool_policy>(now ? *std::move(now) : from_file);
  tell_rules(x);
}

result<config::pool_policy> pool_set::policy_with(const entry& x, const std::string& set) const {
  const std::lock_guard lock{mutex_};
  return policy_of_file(rules_[position_of(x)].from_file, set, x.has_agents);
}

result<void> pool_set::override_policy(const entry& x, const std::string& set) {
  const std::lock_guard lock{mutex_};
  auto& known = rules_[position_of(x)];
  auto now = policy_of_file(known.from_file, set, x.has_agents);
  if (!now)
    return now.failure();
  known.in_force = {std::make_shared<const config::pool_policy>(*std::move(now)), set};
  if (system_ != nullptr)
    tell_rules(x);
  return {};
}

void pool_set::set_grace(std::chrono::milliseconds x) {
  const std::lock_guard lock{mutex_};
  if (std::exchange(grace_, x) == x)
    return;
  for (const auto& pool : pools_)
    tell_rules(pool);
}

/// Under the lock, so that the newest ones come last.
void pool_set::tell_rules(const entry& x) {
  auto now = std::make_shared<pool_rules>();
  now->policy = rules_[position_of(x)].in_force.now;
  now->leave_within = time_to_leave(grace_);
  caf::anon_send(x.actor, set_atom::value, pool_rules_ptr{std::move(now)});
}

result<std::shared_ptr<const capabilities>> pool_set::offered(const entry& x) const {
  const std::lock_guard lock{mutex_};
  const auto& known = *executors_[x.executor];
  if (known.offered)
    return known.offered;
  return error{ec::unavailable, "pool " + x.name + " is unavailable: " + known.problem.message};
}

caf::strong_actor_ptr pool_set::executor_of(const entry& x) const {
  return caf::actor_cast<caf::strong_actor_ptr>(executors_[x.executor]->actor);
}

std::string pool_set::names_of_pools(std::size_t executor) const {
  std::string out;
  for (const auto& p : pools_)
    if (p.executor == executor)
      out += (out.empty() ? "" : ",") + p.name;
  return out;
}

std::vector<watched_mailbox> pool_set::mailboxes() const {
  std::vector<watched_mailbox> out;
  for (const auto& p : pools_)
    out.push_back({p.actor, std::make_shared<mailbox_gauge>("pool " + p.name)});
  for (std::size_t i = 0; i < executors_.size(); ++i)
    out.push_back({executors_[i]->actor, std::make_shared<mailbox_gauge>("executor " + names_of_pools(i))});
  return out;
}

std::vector<driver_measures> pool_set::measure() const {
  std::vector<driver_measures> out;
  for (std::size_t i = 0; i < executors_.size(); ++i) {
    const auto& from = *executors_[i]->counted;
    driver_measures x;
    x.pools = names_of_pools(i);
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

void pool_set::end() {
  const std::lock_guard lock{mutex_};
  ended_ = true;
  const auto end = [](auto& handle) {
    if (handle)
      caf::anon_send_exit(handle, caf::exit_reason::user_shutdown);
    handle = nullptr;
  };
  for (auto& x : pools_) {
    end(x.node);
    // The handle stays: the JOURNAL may say meanwhile that its store is full.
    caf::anon_send_exit(x.actor, caf::exit_reason::user_shutdown);
  }
  for (auto& x : executors_) {
    end(x->actor);
    if (!x->agents)
      continue;
    x->agents->link->end();
    end(x->agents->fleet);
  }
  ground_.journal = nullptr;
}

void pool_set::end_drivers() {
  for (auto& x : executors_)
    x->runs.reset();
}

} // namespace muster
