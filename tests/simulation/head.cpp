#include "head.hpp"

#include "actors/agents/node_rows.hpp"
#include "actors/clock.hpp"
#include "actors/event_hub.hpp"
#include "actors/journal_writer.hpp"
#include "actors/leftovers.hpp"
#include "actors/meters.hpp"
#include "actors/restore.hpp"
#include "actors/store_health.hpp"
#include "actors/submission.hpp"
#include "actors/wall_clock.hpp"
#include "executors/remote/attempt_text.hpp"
#include "muster/store/writer.hpp"

#include <algorithm>
#include <fstream>
#include <numeric>
#include <random>
#include <utility>

namespace muster::simulation {

namespace {

constexpr const char* pool_name = "pool";

pool_node_ptr node_of(const agent::fleet_change& x, const executor_actor& runs, node_condition condition) {
  pool_node out;
  out.name = x.node;
  out.executor = caf::actor_cast<caf::strong_actor_ptr>(runs);
  out.offered = x.offered;
  out.address = x.address;
  out.condition = condition;
  out.why = x.why;
  return std::make_shared<const pool_node>(std::move(out));
}

/// Null if it has ended.
pool_state* state_of(const pool_actor& x) {
  auto* actor = dynamic_cast<pool_actor::stateful_pointer<pool_state>>(caf::actor_cast<caf::abstract_actor*>(x));
  return actor != nullptr ? &actor->state : nullptr;
}

} // namespace

/// The driver of the FLEET, watched.
class head::face final : public driver {
public:
  face(head& owner, process& where, agent::fleet_actor fleet, capabilities offered)
      : owner_(owner), where_(where), fleet_(fleet),
        below_(agent::make_fleet_driver(std::move(fleet), std::move(offered))) {}

  result<capabilities> probe() override { return below_->probe(); }
  void listen(driver_listener& to) override { below_->listen(to); }
  void prepare(attempt_spec spec) override {
    owner_.watch_.on_prepare(spec);
    if (owner_.all_.broken == planted::gpus)
      std::iota(spec.gpus.begin(), spec.gpus.end(), 0U);
    if (owner_.all_.broken == planted::barrier && !spec.then_start) {
      owner_.live_->passes_on->on_prepared(spec.id, {});
      owner_.live_->passes_on->on_batch_end();
    }
    below_->prepare(std::move(spec));
  }
  void start(attempt_id id) override {
    owner_.watch_.on_start(id);
    below_->start(id);
  }
  void stop(attempt_id id, std::chrono::milliseconds grace) override { below_->stop(id, grace); }
  void publish(attempt_id) override {}
  void remove(attempt_id id) override {
    if (owner_.all_.broken != planted::removal)
      below_->remove(id);
  }

  /// As the driver below does it, but that nobody can wait for another thread here.
  result<std::vector<adoption>> adopt(const std::vector<attempt_spec>& attempts) override {
    auto call = std::make_shared<agent::adoption_call>();
    call->asked = attempts;
    auto answer = call->answer.get_future();
    caf::anon_send(fleet_, agent::adopt_atom::value, call);
    call.reset();
    while (where_.is_alive() && answer.wait_for(std::chrono::seconds{0}) != std::future_status::ready)
      owner_.how_.run_ready();
    if (!where_.is_alive())
      return error{ec::unavailable, "the head is dead"};
    auto found = answer.get();
    for (std::size_t i = 0; i < found.size(); ++i)
      if (found[i] == adoption::away ? owner_.has_run(attempts[i].id) : found[i] != adoption::never_started)
        owner_.watch_.on_end(attempts[i].id);
    return found;
  }

private:
  head& owner_;
  process& where_;
  agent::fleet_actor fleet_;
  std::unique_ptr<driver> below_;
};

/// Hears what the FLEET says, and passes it on to the EXECUTOR.
class head::ear final : public driver_listener {
public:
  ear(head& owner, driver_listener& to) : owner_(owner), to_(to) {}
  void on_prepared(attempt_id id, result<void> x) override {
    if (x)
      owner_.watch_.on_prepared(id);
    to_.on_prepared(id, std::move(x));
  }
  void on_started(attempt_id id, result<void> x) override { to_.on_started(id, std::move(x)); }
  void on_exited(attempt_id id, exit_result x) override {
    owner_.watch_.on_end(id);
    to_.on_exited(id, std::move(x));
  }
  void on_lost(attempt_id id, std::string why) override {
    owner_.watch_.on_end(id);
    to_.on_lost(id, std::move(why));
  }
  void on_displaced(attempt_id id, std::string why) override {
    owner_.watch_.on_end(id);
    to_.on_displaced(id, std::move(why));
  }
  void on_progress(attempt_id id, std::string text) override { to_.on_progress(id, std::move(text)); }
  void on_batch_end() override { to_.on_batch_end(); }

private:
  head& owner_;
  driver_listener& to_;
};

head::head(universe& all, process_config& config, store::state_directory directory, log_book& told, head_setup how)
    : all_(all), config_(config), directory_(std::move(directory)), told_(told), how_(std::move(how)), watch_(all),
      places_(all) {}

head::~head() {
  kill();
  bury();
}

head_door head::door() {
  if (!live_)
    return {};
  return {live_->where.get(), live_->gate};
}

void head::start() {
  all_.say("head starts");
  ++incarnation_;
  live_ = std::make_unique<body>();
  live_->where = std::make_unique<process>("head", config_, all_.time.now());
  const auto until = muster::recorded_until(told_.stored());
  if (!until)
    return all_.violate("when something was recorded last is not known: " + until.failure().message);
  recorded_until_ = *until;
  spawn_all(*live_);
  store::workflow_query query;
  query.unfinished = true;
  const auto found = told_.stored().workflows(query);
  if (!found)
    return all_.violate("the store cannot be read: " + found.failure().message);
  std::vector<std::string> ids; // The newest first: they are taken from the end.
  for (const auto& x : *found)
    ids.push_back(x.id);
  caf::anon_send(live_->pool, stop_atom::value, std::string{"taking up"}, std::string{"what is left is taken up"});
  recover(std::move(ids));
}

std::vector<store::node_record> head::stored_nodes() {
  auto found = told_.stored().nodes();
  if (found)
    return std::move(*found);
  all_.violate("the store cannot be read: " + found.failure().message);
  return {};
}

/// As is recorded.
bool head::has_run(attempt_id id) const {
  const auto all = told_.stored().attempts(id.workflow, id.task);
  return all && std::any_of(all->begin(), all->end(),
                            [&](const auto& x) { return x.number == id.number && x.status >= status::running; });
}

void head::spawn_all(body& x) {
  auto& all = all_;
  auto* where = x.where.get();
  auto writer = store::writer::open(directory_, [&all] { return all.wall(); });
  if (!writer)
    return all_.violate("the store cannot be opened: " + writer.failure().message);
  const failure_handler on_failure = [&all, where](const error& why) {
    if (where->is_alive())
      all.violate("the head cannot go on: " + why.message);
  };
  auto& system = where->system();
  auto counted = std::make_shared<meters>();
  const auto hub = system.spawn(event_hub);
  // It ends first, so that nothing becomes durable after a crash.
  const auto written = where->own(
      system.spawn(journal_writer, std::make_shared<store::writer>(std::move(*writer)), hub, counted, on_failure));
  auto known = stored_nodes();
  auto health = std::make_shared<store_health>(directory_.root(), 0);
  x.journal = system.spawn(journal, written, health, on_failure);
  const auto timers = system.spawn(muster::clock);
  pool_config config;
  config.name = pool_name;
  config.is_default = true;
  config.may_grow = true;
  config.max_parallel = how_.max_parallel;
  config.policy = std::make_shared<config::pool_policy>(policy_);
  const auto first = take_first_epoch(directory_, all_.wall());
  config.first_epoch = first;
  config.counted = counted;
  x.pool = system.spawn(pool, std::move(config), on_failure);

  agent::fleet_setup setup;
  setup.pool = pool_name;
  setup.head = own_id;
  std::ofstream{directory_.root() / "head-id"} << own_id << '\n'; // Agents look for it.
  setup.root = directory_.root();
  setup.incarnation = incarnation_;
  setup.lost_after = how_.lost_after;
  setup.silence_limit = how_.silence_limit;
  setup.on_loss = how_.on_loss;
  setup.draw_session = [numbers = std::mt19937_64{incarnation_}]() mutable { return numbers(); };
  setup.known = std::move(known);
  setup.first_lease = first;
  setup.store = x.journal;
  setup.now = [&all] { return all.wall(); };
  setup.is_over = judge_for_agents(directory_);
  setup.on_change = [this, body = &x](const agent::fleet_change& change) { pass_on(*body, change); };
  x.fleet = system.spawn(agent::fleet, std::move(setup));
  agent::gate_setup gate;
  gate.pools = [fleet = x.fleet] { return agent::joinable_pools{{pool_name, {fleet}}}; };
  gate.admit = [](const agent::hello&) { return result<void>{}; };
  x.gate = where->own(system.spawn(agent::agent_gate, std::move(gate)));
  x.runs = std::make_shared<face>(*this, *where, x.fleet, capabilities{});
  x.executor = system.spawn(executor, x.runs, std::make_shared<driver_meter>());
  x.passes_on = std::make_unique<executor_listener>(x.executor);
  x.hears = std::make_unique<ear>(*this, *x.passes_on);
  x.runs->listen(*x.hears);
  for (const auto& row : stored_nodes()) {
    auto change = agent::change_of(row, agent::fleet_change::kind::away, "it was not heard of yet");
    if (auto offered = remote::decode_capabilities(row.offered))
      change.offered = std::move(*offered);
    caf::anon_send(x.pool, join_atom::value, node_of(change, x.executor, node_condition::suspect));
  }
  x.registry =
      system.spawn(registry, std::make_shared<registry_services>(registry_services{
                                 directory_, x.journal, [to = x.pool](const std::string&) { return to; }, timers,
                                 [policy = how_.policy] { return policy; }, on_failure, cache_actor{}, counted}));
  where->own(x.registry);
  where->own(x.pool);
  where->own(x.executor);
  where->own(x.fleet);
  where->own(timers);
  where->own(x.journal);
  where->own(hub);
  caf::anon_send(hub, subscr_atom::value,
                 event_subscriber{std::make_shared<const std::function<void(const std::vector<event>&)>>(
                     [this, where](const std::vector<event>& batch) {
                       if (where->is_alive())
                         told_.read(batch);
                     })});
}

/// What the FLEET says of a node, to the POOL.
void head::pass_on(const body& x, const agent::fleet_change& change) {
  using kind = agent::fleet_change::kind;
  const char* names[] = {"", "ready", "away", "lost", "removed", "overdue"};
  all_.say("fleet: " + change.node + " is " + names[static_cast<int>(change.what)] + " " + change.why);
  const auto set = [&](node_condition to) { caf::anon_send(x.pool, set_atom::value, change.node, to, change.why); };
  switch (change.what) {
    case kind::ready:
      return caf::anon_send(
          x.pool, join_atom::value,
          node_of(change, x.executor,
                  change.duty == store::node_duty::draining ? node_condition::draining : node_condition::ready));
    case kind::away: return set(node_condition::suspect);
    case kind::lost: return set(node_condition::lost);
    case kind::removed: return set(node_condition::gone);
    case kind::overdue: return caf::anon_send(x.pool, release_atom::value, change.node, change.why);
  }
}

/// One after the other, with time between. Of some nobody says at first what became of them: they are held, others get
/// places meanwhile, and they are taken up later.
void head::recover(std::vector<std::string> ids, std::vector<std::string> held, bool again) {
  if (ids.empty()) {
    if (all_.broken == planted::turns)
      state_of(live_->pool)->paused.clear();
    else
      caf::anon_send(live_->pool, start_atom::value, std::string{"taking up"});
    all_.say(held.empty() ? "head has taken up all" : "head has taken up all but those that are held");
    if (!held.empty())
      recover(std::move(held), {}, true);
    return;
  }
  const auto delay = all_.random.spread(std::chrono::microseconds{10}, std::chrono::milliseconds{500});
  all_.time.after(
      delay, [this, ids = std::move(ids), held = std::move(held), again, incarnation = incarnation_]() mutable {
        if (!live_ || incarnation_ != incarnation)
          return;
        live_->where->when_awake([this, ids = std::move(ids), held = std::move(held), again, incarnation]() mutable {
          const auto id = ids.back();
          ids.pop_back();
          const bool is_held = !again && all_.random.percent(15);
          if (is_held)
            held.insert(held.begin(), id); // The newest first: they are taken from the end.
          if (take_up(id, is_held) && incarnation_ == incarnation)
            recover(std::move(ids), std::move(held), again);
        });
      });
}

bool head::take_up(const std::string& id, bool is_held) {
  all_.say((is_held ? "head holds " : "head takes up ") + id);
  auto* now = live_.get();
  const auto runs = now->runs;
  auto stored = load_workflow(told_.stored(), directory_, id, caf::actor_cast<caf::strong_actor_ptr>(now->executor),
                              {all_.wall(), recorded_until_});
  if (stored && !is_held)
    if (const auto asked = adopt(*stored, *runs); !asked)
      stored = asked.failure();
  if (live_.get() != now)
    return false;
  if (stored)
    for (const auto& held : what_is_held(*stored))
      caf::anon_send(now->pool, place_atom::value, held, stored->layout);
  if (stored && !is_held)
    caf::anon_send(now->registry, resume_atom::value, stored->who, stored->layout, stored->restore);
  else if (!stored && stored.failure().code != ec::conflict) // It ended meanwhile.
    all_.violate("workflow " + id + " cannot be taken up: " + stored.failure().message);
  return true;
}

void head::kill() {
  if (!live_)
    return;
  all_.say("head is killed");
  live_->where->kill();
  dead_.push_back(std::move(live_));
}

void head::submit(const spec::workflow& what) {
  if (!live_)
    return;
  submission_info info;
  info.priority = all_.random.percent(40)   ? gang_priority::low
                  : all_.random.percent(20) ? gang_priority::high
                                            : gang_priority::normal;
  info.user = random_user(all_.random);
  auto rows = make_submission(what, std::move(info), {pool_name}, {});
  if (!rows)
    return all_.violate("a workflow cannot be submitted: " + rows.failure().message);
  caf::anon_send(live_->registry, submit_atom::value, *rows);
}

void head::cancel(workflow_key which, bool force) {
  if (!live_)
    return;
  all_.say("workflow " + std::to_string(which.value) + " is to be canceled");
  caf::anon_send(live_->registry, cancel_atom::value, which, std::string{"no need of it"}, force);
}

void head::drain(const std::string& node, std::optional<moment> for_how_long) {
  if (!live_)
    return;
  store::node_assigned what{node, for_how_long ? store::node_duty::draining : store::node_duty::serving, {}, {}};
  if (for_how_long)
    what.deadline = all_.wall() + std::chrono::duration_cast<duration>(*for_how_long);
  all_.say(node + (for_how_long ? " is to be drained" : " is to be used again"));
  caf::anon_send(live_->fleet, agent::assign_atom::value,
                 service_change_ptr{std::make_shared<store::service_change>(std::move(what))});
}

void head::set_policy(const config::pool_policy& x) {
  policy_ = x;
  if (!live_)
    return;
  all_.say("the policy of the pool changes");
  const auto rules = pool_rules{std::make_shared<config::pool_policy>(x), std::chrono::seconds{60}};
  caf::anon_send(live_->pool, set_atom::value, pool_rules_ptr{std::make_shared<pool_rules>(rules)});
}

void head::remove(const std::string& node, bool force) {
  if (!live_)
    return;
  all_.say(node + " is to be removed");
  caf::anon_send(live_->fleet, agent::remove_atom::value, node, force);
}

void head::has_run(caf::actor_id who) {
  if (!live_ || !live_->where->is_alive() || live_->pool->id() != who)
    return;
  if (const auto* pool = state_of(live_->pool))
    places_.look_at(*pool, live_->where->system().clock().now());
}

std::string head::leftovers() {
  if (!live_)
    return "the head is dead";
  const auto* fleet = dynamic_cast<agent::fleet_actor::stateful_pointer<agent::fleet_state>>(
      caf::actor_cast<caf::abstract_actor*>(live_->fleet));
  const auto* pool = state_of(live_->pool);
  std::string out;
  if (fleet == nullptr || pool == nullptr)
    return "states cannot be read";
  for (const auto& [name, n] : fleet->state.nodes)
    if (n.attempts.size() > 0 || n.attempts.unsettled() > 0)
      out += " FLEET has " + std::to_string(n.attempts.size()) + " attempts of " + name + ", " +
             std::to_string(n.attempts.unsettled()) + " unsettled;";
  if (!fleet->state.where.empty())
    out += " FLEET knows where " + std::to_string(fleet->state.where.size()) + " attempts are;";
  if (!pool->clients.empty())
    out += " POOL has " + std::to_string(pool->clients.size()) + " gangs;";
  return out;
}

} // namespace muster::simulation
