#include "actors/runtime_impl.hpp"

#include "actors/admission.hpp"
#include "actors/agents/agent_gate.hpp"
#include "actors/agents/encrypted_door.hpp"
#include "actors/cache.hpp"
#include "actors/clock.hpp"
#include "actors/driver_names.hpp"
#include "actors/event_hub.hpp"
#include "actors/journal_backlog.hpp"
#include "actors/journal_writer.hpp"
#include "actors/monitor_gate.hpp"
#include "actors/prober.hpp"
#include "actors/registry.hpp"
#include "actors/retry.hpp"
#include "actors/submission.hpp"
#include "muster/base/log.hpp"
#include "muster/placement/defaults.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>

namespace muster {

namespace {

std::optional<duration> positive(duration x) {
  return x > duration{} ? std::optional{x} : std::nullopt;
}

group_policy policy_of(const runtime_limits& config) {
  group_policy x;
  x.exec_timeout = positive(config.exec_timeout);
  x.queue_timeout = positive(config.queue_timeout);
  x.start_timeout = positive(config.start_timeout);
  x.grace = config.stop_grace;
  x.max_retries = config.max_retries;
  return x;
}

template <class Handle>
void end(Handle& handle) {
  caf::anon_send_exit(handle, caf::exit_reason::user_shutdown);
  handle = nullptr;
}

result<accepted_workflow> public_form(const result<accepted>& x) {
  if (!x)
    return x.failure();
  return accepted_workflow{x->key, x->id, {}, {}, x->is_replay};
}

/// Of a pool that is unavailable it is not known what it permits and which machine it has.
result<void> check_blindly(const spec::workflow& workflow, const config::pool_policy& rules, const error& why,
                           store::reader& history) {
  capabilities any;
  any.images = true;
  if (auto checked = check_admission(workflow, any, rules, history); !checked)
    return checked;
  any.permits.emplace();
  if (auto checked = check_admission(workflow, any, rules, history); !checked)
    return {ec::unavailable, why.message + "\nso it cannot be told what it permits: " + checked.failure().message};
  return {};
}

network_use network_of(const runtime_config& x) {
  if (!x.with_network)
    return network_use::none;
  return x.agent_certificates && !x.with_monitors ? network_use::encrypted : network_use::any;
}

} // namespace

runtime::impl::impl(runtime_config config, store::state_directory directory, store::writer writer,
                    std::unique_ptr<pool_set> pools, timestamp recorded_until)
    : directory_(std::move(directory)), ended_(directory_), answer_limit_(config.answer_limit),
      health_(std::make_shared<store_health>(directory_.root(), config.min_free)), policy_(policy_of(config)),
      recorded_until_(recorded_until), configuration_(config.threads, network_of(config)),
      takes_monitors_(config.with_monitors), can_edit_policies_(config.can_edit_policies),
      max_parallel_of_made_(config.max_parallel_of_made), reserved_pools_(std::move(config.reserved_pools)),
      system_(configuration_), pools_(std::move(pools)) {
  const failure_handler on_failure = [this](const error& why) {
    log::error("runtime", "runtime cannot go on", {{"why", why.message}});
    ended_.fail(why);
  };
  health_->on_change([this](const std::string& why) {
    if (why.empty())
      pools_->go_on("store");
    else
      pools_->pause("store", "waiting for room on the disk of the state directory: " + why);
  });
  hub_ = system_.spawn(event_hub);
  journal_writer_ = system_.spawn<caf::detached>(journal_writer, std::make_shared<store::writer>(std::move(writer)),
                                                 hub_, counted_, on_failure);
  journal_ = system_.spawn(journal, journal_writer_, health_, on_failure);
  clock_ = system_.spawn(muster::clock);
  pools_->start(system_, directory_, journal_, counted_, config.stop_grace, on_failure);
  cache_ = system_.spawn<caf::detached>(cache, directory_, journal_, config.take_cached, stopping_, on_failure);
  const auto pool_of = [this](const std::string& name) {
    const auto found = pools_->find(name);
    return found ? (*found)->actor : pool_actor{};
  };
  const auto policy = [this] {
    const std::lock_guard lock{mutex_};
    return policy_;
  };
  const auto rules = [this](const std::string& name) {
    const auto found = pools_->find(name);
    return found ? pools_->policy_of(**found).now : nullptr;
  };
  registry_ = system_.spawn(registry, std::make_shared<registry_services>(
                                          registry_services{directory_, journal_, pool_of, clock_, policy, on_failure,
                                                            cache_, counted_, rules, actors_of_workflows_}));
  watch_mailboxes();
  subscribe([this](const std::vector<event>& batch) { ended_.note(batch); });
  prober_ = system_.spawn<caf::detached>(prober, config.probe_again, [this] { return look_after_pools(); });
  if (!pools_->all_up())
    caf::anon_send(prober_, start_atom::value);
  if (config.with_network && config.agent_certificates)
    door_ = agent::make_encrypted_door(system_, *config.agent_certificates);
}

void runtime::impl::watch_mailboxes() {
  std::vector<watched_mailbox> own;
  const auto add = [&](const char* name, const auto& handle) {
    own.push_back({handle, std::make_shared<mailbox_gauge>(name)});
  };
  add("registry", registry_);
  add("journal", journal_);
  add("event hub", hub_);
  add("clock", clock_);
  add("cache", cache_);
  for (const auto& x : own)
    mailboxes_.push_back(x.gauge);
  constexpr std::chrono::seconds pause{1};
  const list_mailboxes all = [this, own] {
    auto out = pools_->mailboxes();
    out.insert(out.end(), own.begin(), own.end());
    return out;
  };
  mailbox_meter_ = system_.spawn(mailbox_meter, all, pause);
}

runtime::impl::~impl() {
  admitting_ = false;
  *stopping_ = true;
  {
    // It may be asking a driver, which must not end before.
    caf::scoped_actor self{system_};
    self->send_exit(prober_, caf::exit_reason::user_shutdown);
    self->wait_for(prober_);
  }
  unpublish(gate_);
  *agents_gate_may_end_ = true;
  unpublish(agents_gate_);
  if (door_) {
    caf::scoped_actor self{system_};
    self->send_exit(door_, caf::exit_reason::kill); // It ignores others.
    self->wait_for(std::exchange(door_, nullptr));
  }
  end(mailbox_meter_);
  end(registry_);
  // What it was told of tasks that have ended is still to be written down: an exit message would be taken first.
  static_cast<void>(muster::ask<sequence>(system_, answer_limit_, cache_, watch_atom::value, std::string{}));
  end(cache_);
  // Everything that was recorded so far is made durable; an error here was told before. What a full store cannot take
  // is found out again by a later runtime: drivers keep how attempts ended until that is recorded.
  constexpr std::chrono::milliseconds for_a_full_store{1'000};
  constexpr std::chrono::milliseconds for_actors{10'000};
  static_cast<void>(muster::ask<sequence>(system_, health_->is_full() ? for_a_full_store : answer_limit_, journal_,
                                          commit_atom::value, event_list{}));
  // What those ask for who hear of that, such as the removal of attempts, goes to the drivers before the end does.
  static_cast<void>(actors_of_workflows_.wait_until_empty(health_->is_full() ? for_a_full_store : for_actors));
  pools_->end();
  end(clock_);
  end(journal_);
  end(journal_writer_);
  end(hub_);
  // A driver's thread may report until the driver is gone, and needs its listener until then.
  pools_->end_drivers();
  system_.await_all_actors_done();
  pools_.reset();
}

void runtime::impl::set_limits(const runtime_limits& x) {
  health_->set_min_free(x.min_free);
  pools_->set_grace(x.stop_grace);
  const std::lock_guard lock{mutex_};
  policy_ = policy_of(x);
}

void runtime::impl::subscribe(event_handler handler) {
  ++counted_->subscribers;
  caf::anon_send(hub_, subscr_atom::value, event_subscriber{std::make_shared<const event_handler>(std::move(handler))});
}

result<std::vector<group_wait>> runtime::impl::why_waiting(workflow_key workflow,
                                                           const std::vector<group_index>& groups,
                                                           std::optional<std::chrono::milliseconds> limit) {
  auto reader = store::reader::open(directory_);
  if (!reader)
    return reader.failure();
  const auto record = reader->workflow(workflow);
  if (!record)
    return record.failure();
  const auto pool = pools_->find(record->pool);
  if (!pool || is_finished(record->status))
    return std::vector<group_wait>{};
  const auto said = muster::ask<wait_report_ptr>(system_, limit.value_or(answer_limit_), (*pool)->actor,
                                                 check_atom::value, workflow, groups);
  if (!said)
    return said.failure();
  return (*said)->groups;
}

muster::measures runtime::impl::measures() const {
  muster::measures out;
  counted_->states.read(out);
  out.queue_wait = counted_->queue_wait.read();
  out.barrier_wait = counted_->barrier_wait.read();
  out.placement = counted_->placement.read();
  out.drivers = pools_->measure();
  out.commit_time = counted_->commit_time.read();
  out.batch_size = counted_->batch_size.read();
  out.store_full = health_->is_full();
  out.journal_backlog = health_->backlog();
  const auto now = mailbox_gauge::clock::now();
  for (const auto& x : pools_->mailboxes())
    out.mailboxes.push_back(x.gauge->read(now));
  for (const auto& x : mailboxes_)
    out.mailboxes.push_back(x->read(now));
  out.subscribers = counted_->subscribers;
  out.monitors = counted_->monitors;
  out.process = measure_process();
  return out;
}

/// What opens ports for it.
template <class Gate>
caf::io::middleman_actor runtime::impl::door_of() {
  return door_ && std::is_same_v<Gate, agent::gate_actor> ? door_ : system_.middleman().actor_handle();
}

/// Lets others connect to a gate that was made for it.
template <class Gate>
result<std::uint16_t> runtime::impl::publish(Gate& gate, const std::string& what, const std::string& address,
                                             std::uint16_t port) {
  const auto by = door_of<Gate>();
  const auto bound =
      caf::make_function_view(by)(caf::publish_atom::value, port, caf::actor_cast<caf::strong_actor_ptr>(gate),
                                  system_.message_types(gate), address, true);
  if (bound)
    return *bound;
  if (std::is_same_v<Gate, agent::gate_actor>)
    *agents_gate_may_end_ = true;
  end(gate);
  const bool is_taken = bound.error() == caf::sec::cannot_open_port;
  return {ec::io_error, "cannot listen for " + what + " at " + address + ":" + std::to_string(port) + ": " +
                            (is_taken ? "another program listens there, or no interface has that address"
                                      : system_.render(bound.error()))};
}

/// Nobody connects any more, and what a gate calls is not called again.
template <class Gate>
void runtime::impl::unpublish(Gate& gate) {
  Gate last;
  {
    const std::lock_guard lock{mutex_};
    std::swap(last, gate);
  }
  if (!last)
    return;
  caf::scoped_actor self{system_};
  self->request(door_of<Gate>(), caf::infinite, caf::unpublish_atom::value, last.address(), std::uint16_t{0})
      .receive([] {}, [](caf::error&) {});
  self->send_exit(last, caf::exit_reason::user_shutdown); // The system would wait for a published actor for ever.
  self->wait_for(last);
}

result<std::uint16_t> runtime::impl::publish_monitors(const std::string& address, std::uint16_t port,
                                                      monitor_admission admit) {
  if (!system_.has_middleman())
    return {ec::unsupported, "this runtime was started without a network"};
  if (!takes_monitors_)
    return {ec::unsupported, "this runtime was started without monitors"};
  const std::lock_guard lock{mutex_};
  if (gate_)
    return {ec::conflict, "monitors can connect already"};
  const auto signal = std::make_shared<gate_signal>();
  auto gate = system_.spawn<caf::detached>(monitor_gate, directory_, counted_, signal, std::move(admit));
  auto bound = publish(gate, "monitors", address, port);
  if (!bound)
    return bound;
  gate_ = gate;
  subscribe([gate, signal](const std::vector<event>&) {
    if (!signal->awake.exchange(true))
      caf::anon_send(gate, monitor::wake_atom::value);
  });
  return bound;
}

result<std::uint16_t> runtime::impl::publish_agents(const std::string& address, std::uint16_t port,
                                                    node_admission admit) {
  if (!system_.has_middleman())
    return {ec::unsupported, "this runtime was started without a network"};
  if (pools_->joinable().empty())
    return {ec::not_found, "there is no pool that agents could join"};
  const std::lock_guard lock{mutex_};
  if (agents_gate_)
    return {ec::conflict, "agents can connect already"};
  agents_gate_may_end_ = std::make_shared<std::atomic<bool>>(false);
  agent::gate_setup setup;
  setup.pools = [this] { return pools_->joinable(); };
  setup.joined_before = [this](const agent::hello& x) { return pool_of_agent(x.node, x.memory); };
  setup.admit = [admit = std::move(admit)](const agent::hello& x) {
    return admit({x.node, x.token, x.certificate, x.signature, agent::statement_of(x)});
  };
  setup.on_failure = [this](const error& why) {
    log::error("runtime", "agents cannot join any more", {{"why", why.message}});
    ended_.fail(why);
  };
  setup.may_end = agents_gate_may_end_;
  auto gate = system_.spawn<caf::detached>(agent::agent_gate, std::move(setup));
  auto bound = publish(gate, "agents", address, port);
  if (bound)
    agents_gate_ = gate;
  return bound;
}

// -- submissions

result<void> runtime::impl::may_admit() const {
  if (!admitting_)
    return {ec::unavailable, "the runtime is being stopped and admits nothing"};
  if (auto why = health_->admission_refusal())
    return *std::move(why);
  return {};
}

/// Nobody removes it as long as what is returned lives.
result<pool_users::stay> runtime::impl::stay_in(const pool_set::entry& pool) const {
  auto stay = pool.users->enter(answer_limit_);
  if (!stay && stay.failure().code == ec::not_found) // In the words in which it would be said from now on.
    if (const auto gone = pools_->find(pool.name); !gone)
      return gone.failure();
  return stay;
}

/// `to_store`: what is admitted is to be stored.
result<runtime::impl::admission> runtime::impl::admit(const spec::workflow& workflow, const std::string& pool,
                                                      bool to_store) {
  const auto found = pools_->find(pool.empty() ? workflow.pool : pool);
  if (!found)
    return found.failure();
  admission out;
  out.pool = *found;
  if (to_store) {
    auto stay = stay_in(*out.pool);
    if (!stay)
      return stay.failure();
    out.keeps_pool = *std::move(stay);
  }
  auto history = store::reader::open(directory_);
  if (!history)
    return history.failure();
  const auto offered = pools_->offered(*out.pool);
  const auto rules = pools_->policy_of(*out.pool).now;
  out.as = with_drivers(workflow, *rules);
  if (!offered) {
    if (auto checked = check_blindly(workflow, *rules, offered.failure(), *history); !checked)
      return checked.failure();
    out.notes.push_back(offered.failure().message + "; its tasks wait until it is back");
    return out;
  }
  out.driver = driver_names(**offered);
  if (auto checked = check_admission(workflow, **offered, *rules, *history); !checked)
    return checked.failure();
  if (out.pool->has_agents()) // Its nodes are what they are.
    return out;
  const auto& has = (*offered)->total;
  auto needs =
      needs_of_defaults(workflow, oversubscribed({has.cpu, has.memory, has.storage}, out.pool->setup.oversubscribe));
  out.at_least = needs.at_least;
  out.notes = std::move(needs.notes);
  return out;
}

result<std::vector<std::string>> runtime::impl::check(const spec::workflow& workflow, const std::string& pool,
                                                      const submission_terms& terms) {
  auto admitted = admit(workflow, pool, false);
  if (!admitted)
    return admitted.failure();
  auto rows = make_submission(admitted->as ? *admitted->as : workflow, {}, {admitted->pool->name}, admitted->at_least);
  if (!rows)
    return rows.failure();
  const auto& gangs = (*rows)->gangs ? (*rows)->gangs : (*rows)->layout;
  const auto reasons = ask<std::vector<std::string>>(admitted->pool->actor, check_atom::value, gangs,
                                                     admitted->at_least, workflow_terms{terms.priority, terms.user});
  if (!reasons)
    return reasons.failure();
  if (!reasons->empty())
    return error{ec::never_fits, joined(*reasons)};
  return std::move(admitted->notes);
}

result<accepted_workflow> runtime::impl::submit(const spec::workflow& workflow, submission_info info) {
  if (auto may = may_admit(); !may)
    return may.failure();
  auto admitted = admit(workflow, info.pool, true);
  if (!admitted)
    return admitted.failure();
  auto rows = make_submission(admitted->as ? *admitted->as : workflow, std::move(info),
                              {admitted->pool->name, std::move(admitted->driver)}, admitted->at_least,
                              std::move(admitted->keeps_pool));
  if (!rows)
    return rows.failure();
  auto done = public_form(ask<accepted>(registry_, submit_atom::value, *rows));
  if (done)
    done->notes = std::move(admitted->notes);
  return done;
}

// -- what is in the store

runtime::impl::claim::~claim() {
  if (owner_ == nullptr)
    return;
  const std::lock_guard lock{owner_->mutex_};
  owner_->claimed_.erase(key_);
  owner_->unclaimed_.notify_all();
}

result<runtime::impl::claim> runtime::impl::take_claim(const store::workflow_record& record) {
  const std::lock_guard lock{mutex_};
  if (!claimed_.insert(record.key).second)
    return error{ec::conflict, "workflow " + record.id + " is being taken up already"};
  return claim{*this, record.key};
}

void runtime::impl::wait_for_claim(workflow_key key) {
  std::unique_lock lock{mutex_};
  unclaimed_.wait_for(lock, answer_limit_, [&] { return claimed_.count(key) == 0; });
}

result<accepted_workflow> runtime::impl::retry(const std::string& id, const retry_request& request) {
  if (auto may = may_admit(); !may)
    return may.failure();
  auto reader = store::reader::open(directory_);
  if (!reader)
    return reader.failure();
  auto record = reader->workflow(id);
  if (!record)
    return record.failure();
  const auto claimed = take_claim(*record);
  if (!claimed)
    return claimed.failure();
  const auto pool = pools_->find(record->pool);
  if (!pool)
    return pool.failure();
  const auto stay = stay_in(**pool);
  if (!stay)
    return stay.failure();
  if (const auto offered = pools_->offered(**pool); !offered)
    return offered.failure();
  auto planned = plan_retry(*reader, id, request);
  if (!planned)
    return planned.failure();
  // Its end is durable, but its actor may not be gone.
  if (auto gone = ask<sequence>(registry_, settle_atom::value, planned->key); !gone)
    return gone.failure();
  const auto began = std::chrono::time_point_cast<timestamp::duration>(timestamp::clock::now());
  ended_.expect_retry(planned->key);
  if (auto stored = ask<sequence>(journal_, commit_atom::value, event_list{std::move(planned->facts)}); !stored) {
    ended_.forget_retry(planned->key);
    if (stored.failure().code == ec::unavailable) // It may be committed all the same, and nobody else would take it up.
      hold_for_pool(*record, (*pool)->name, stored.failure().message);
    return stored.failure();
  }
  accepted_workflow out{planned->key, id, {}, began};
  record = reader->workflow(id);
  if (!record)
    return record.failure();
  // It is accepted, whatever keeps it from being taken up now.
  if (const auto resumed = take_up(*reader, *record, open_attempts::are_asked_for); !resumed) {
    hold_for_pool(*record, (*pool)->name, resumed.failure().message);
    out.notes.push_back("it waits: " + resumed.failure().message);
  }
  // Its end before this is not to be taken for the one to come.
  ended_.wait_for_retry(planned->key);
  return out;
}

result<void> runtime::impl::cancel(workflow_key workflow, const std::string& message, bool force) {
  if (auto why = health_->refusal())
    return *std::move(why);
  auto reader = store::reader::open(directory_);
  if (!reader)
    return reader.failure();
  for (;;) {
    wait_for_claim(workflow);
    const auto asked = ask<sequence>(registry_, cancel_atom::value, workflow, message, force);
    if (asked)
      return {};
    const auto record = reader->workflow(workflow);
    if (!record)
      return record.failure();
    if (is_finished(record->status))
      return {ec::conflict, "workflow " + record->id + " is finished: " + std::string{to_string(record->status)}};
    if (asked.failure().code != ec::not_found)
      return asked.failure();
    // While it is claimed here nobody takes it up without seeing this cancel.
    const auto claimed = take_claim(*record);
    if (!claimed)
      continue;
    // It may have been taken up before.
    if (const auto again = ask<sequence>(registry_, cancel_atom::value, workflow, message, force);
        again || again.failure().code != ec::not_found)
      return again ? result<void>{} : result<void>{again.failure()};
    auto noted = cancel_held(workflow, message);
    // Nobody who could end it can be asked. If it cannot be taken up so either, it is canceled when it can.
    if (noted && force && is_held_for_good(workflow))
      static_cast<void>(take_up(*reader, *record, open_attempts::are_given_up));
    return noted;
  }
}

/// It is not live: who takes it up carries on.
result<void> runtime::impl::cancel_held(workflow_key workflow, const std::string& message) {
  event fact;
  fact.type = event_type::workflow_cancel_requested;
  fact.workflow = workflow;
  fact.text = message;
  event_list facts;
  facts.events.push_back(std::move(fact));
  const auto stored = ask<sequence>(journal_, commit_atom::value, facts);
  return stored ? result<void>{} : result<void>{stored.failure()};
}

result<void> runtime::impl::remove(const std::string& id, const std::string& text) {
  auto reader = store::reader::open(directory_);
  if (!reader)
    return reader.failure();
  const auto found = reader->workflow(id);
  if (!found)
    return found.failure();
  // While it is claimed here nobody retries it.
  const auto claimed = take_claim(*found);
  if (!claimed)
    return claimed.failure();
  const auto record_now = reader->workflow(found->key);
  if (!record_now)
    return record_now.failure();
  if (!is_finished(record_now->status))
    return {ec::conflict, "workflow " + id + " is " + std::string{to_string(record_now->status)} +
                              ": only what has finished is deleted; cancel it first"};
  // Its end is durable, but its actors may still be at work in its folder.
  if (auto gone = ask<sequence>(registry_, settle_atom::value, found->key); !gone)
    return gone.failure();
  if (auto done = record(store::workflow_removed{found->key, text}); !done)
    return done.failure();
  return directory_.discard(id); // If it fails, the next start finds a folder that belongs to no workflow.
}

// -- rows of the service

result<std::int64_t> runtime::impl::record(store::service_change x) {
  if (auto why = health_->refusal(); why && !frees_room(x))
    return *std::move(why);
  const auto answer = ask<service_answer>(journal_, commit_atom::value,
                                          service_change_ptr{std::make_shared<store::service_change>(std::move(x))});
  return answer ? result<std::int64_t>{answer->number} : result<std::int64_t>{answer.failure()};
}

void runtime::impl::note(store::service_change x) {
  caf::anon_send(journal_, record_atom::value,
                 service_change_ptr{std::make_shared<store::service_change>(std::move(x))});
}

} // namespace muster
