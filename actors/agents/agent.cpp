#include "actors/agents/agent.hpp"

#include "actors/agents/agent_actor.hpp"
#include "actors/agents/encrypted_door.hpp"
#include "actors/agents/head_probe.hpp"
#include "actors/ask.hpp"
#include "actors/protocol/type_ids.hpp"
#include "actors/system_config.hpp"
#include "executors/changing_offer.hpp"
#include "executors/remote/attempt_text.hpp"
#include "executors/remote/ledger.hpp"
#include "muster/base/log.hpp"
#include "muster/base/random.hpp"
#include "muster/store/head_id.hpp"
#include "muster/store/layout.hpp"

#include <caf/all.hpp>
#include <caf/io/middleman.hpp>
#include <caf/io/middleman_actor.hpp>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <random>
#include <set>
#include <thread>
#include <tuple>
#include <utility>

namespace muster {

namespace {

constexpr std::uint32_t scheduler_threads = 2;
/// Of the AGENT to look through what it holds, which asks the driver.
constexpr std::chrono::milliseconds take_up_limit{60'000};

/// Whether trying again cannot help.
bool is_final(ec x) {
  return x == ec::unsupported || x == ec::invalid_argument || x == ec::not_found || x == ec::store_corrupt;
}

std::map<std::string, std::string> labels_of(const agent_config& config, const capabilities& offered) {
  auto out = config.labels;
  out.insert(offered.machine.labels.begin(), offered.machine.labels.end()); // Its own win.
  return out;
}

std::vector<std::string> drivers_of(const capabilities& offered) {
  std::vector<std::string> out{offered.driver};
  for (const auto& x : offered.besides)
    out.push_back(x.driver);
  return out;
}

} // namespace

/// Owns the actor system, the AGENT, and the threads that connect it and look at its machine.
class agent_runtime::impl {
public:
  impl(agent_config config, agent::hello who, const capabilities& offered, store::writer_lock lock)
      : lock_(std::move(lock)), config_(std::move(config)), who_(std::move(who)),
        makes_networks_(maker_of_networks(offered) != nullptr), drivers_(drivers_of(offered)),
        configuration_(scheduler_threads, config_.certificates ? network_use::encrypted : network_use::any),
        system_(configuration_) {
    if (config_.certificates)
      door_ = agent::make_encrypted_door(
          system_, *config_.certificates, {},
          [this](const std::string& /*peer*/, const std::string& why) { set_handshake_problem(why); });
  }

  void start() {
    agent::agent_setup setup;
    setup.runs = config_.executor;
    setup.drivers = drivers_;
    setup.ledger = config_.own_directory / "attempts";
    setup.on_end = [this] { disconnected(); };
    setup.on_failure = [this](const error& why) { fail(why); };
    setup.may_end = may_end_;
    agent_ = system_.spawn(agent::run_agent, std::move(setup));
    connector_ = std::thread{[this] { connect(); }};
    if (auto* machine = dynamic_cast<changing_offer*>(config_.executor.get()))
      looker_ = std::thread{[this, machine] { look(*machine); }};
  }

  ~impl() {
    {
      const std::lock_guard lock{mutex_};
      ending_ = true;
    }
    changed_.notify_all();
    for (auto* thread : {&connector_, &looker_})
      if (thread->joinable())
        thread->join();
    config_.executor.reset();
    if (door_)
      caf::anon_send_exit(door_, caf::exit_reason::kill);
    *may_end_ = true;
    caf::anon_send_exit(agent_, caf::exit_reason::user_shutdown);
    // The driver is the AGENT's alone now, and ends with its state.
  }
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;

  void between_connections(const std::function<void()>& what) {
    const std::lock_guard lock{connecting_};
    what();
  }

  void look_now() {
    {
      const std::lock_guard lock{mutex_};
      looks_now_ = true;
    }
    changed_.notify_all();
  }

  bool wait_connected(std::chrono::steady_clock::time_point deadline) {
    std::unique_lock lock{mutex_};
    changed_.wait_until(lock, deadline, [this] { return connected_ || refused_; });
    return connected_;
  }

  std::optional<error> wait_refused(std::chrono::steady_clock::time_point deadline) {
    std::unique_lock lock{mutex_};
    changed_.wait_until(lock, deadline, [this] { return refused_.has_value(); });
    return refused_;
  }

private:
  void disconnected() {
    {
      const std::lock_guard lock{mutex_};
      connected_ = false;
      session_over_ = true;
    }
    changed_.notify_all();
  }

  /// The AGENT has a bug, and is gone.
  void fail(const error& why) {
    log::error("agent", "agent cannot go on", {{"why", why.message}});
    {
      const std::lock_guard lock{mutex_};
      refused_ = why;
    }
    changed_.notify_all();
    if (config_.on_refused)
      config_.on_refused();
  }

  /// Looks at the machine, and has it join anew when it offers something else. What runs goes on.
  void look(changing_offer& machine) {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return ending_ || connected_; }); // The AGENT works, and listens to the driver.
    for (;;) {
      changed_.wait_for(lock, config_.look_every, [this] { return ending_ || looks_now_; });
      if (ending_)
        return;
      looks_now_ = false;
      lock.unlock();
      auto offered = machine.look_again();
      lock.lock();
      if (!offered)
        continue;
      machine::limit_to(config_.offers, offered->total);
      log::warn("agent", "GPUs of this node have changed",
                {{"offered", static_cast<long>(offered->total.gpus.size())}});
      offered_ = std::move(offered);
      if (connected_)
        caf::anon_send(agent_, agent::renew_atom::value);
    }
  }

  /// Connects whenever it is not connected.
  void connect() {
    auto pause = config_.first_pause;
    for (;;) {
      if (!wait_until_needed())
        return;
      const auto joined = join();
      std::unique_lock lock{mutex_};
      if (joined) {
        if (session_over_) // It was lost before its beginning was heard of here.
          continue;
        connected_ = true;
        changed_.notify_all();
        if (offered_) // It joined with what it had before.
          caf::anon_send(agent_, agent::renew_atom::value);
        last_refusal_.clear();
        log::info("agent", "joined", {{"head", config_.head_host}, {"node", who_.node}});
        pause = config_.first_pause;
        continue;
      }
      say_refused(joined.failure());
      if (is_final(joined.failure().code)) {
        refused_ = joined.failure();
        changed_.notify_all();
        lock.unlock();
        if (config_.on_refused)
          config_.on_refused();
        return;
      }
      changed_.wait_for(lock, jittered(pause), [this] { return ending_; });
      pause = std::min(pause * 2, config_.longest_pause);
    }
  }

  /// False when it ends.
  bool wait_until_needed() {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return ending_ || !connected_; });
    return !ending_;
  }

  /// Between half and all of it: agents of a head that was restarted do not come all at once.
  std::chrono::milliseconds jittered(std::chrono::milliseconds pause) {
    std::uniform_int_distribution<std::int64_t> some{pause.count() / 2, pause.count()};
    return std::chrono::milliseconds{some(random_)};
  }

  /// Says who it is by the certificate that it has now.
  result<void> prove() {
    if (!config_.prove)
      return {};
    auto proof = config_.prove(agent::statement_of(who_));
    if (!proof)
      return proof.failure();
    std::tie(who_.certificate, who_.signature) = std::move(*proof);
    return {};
  }

  /// With the proof that goes with the connection.
  result<agent::gate_actor> reach_gate() {
    const std::lock_guard lock{connecting_};
    if (auto proven = prove(); !proven)
      return proven.failure();
    return find_gate();
  }

  /// Tasks on other nodes reach those here by the address that the head is reached by, unless another was named. A node
  /// whose executor makes networks has none by itself: who is in one is not reached there.
  result<void> find_own_address(const std::string& towards_head) {
    if (!config_.address.empty() || makes_networks_)
      return {};
    auto found = address_for_tasks(towards_head);
    if (found)
      who_.address = std::move(*found);
    else if (who_.address.empty()) // Else it goes on with the one that it had.
      return found.failure();
    return {};
  }

  /// What the machine has now.
  void take_offer() {
    const std::lock_guard lock{mutex_};
    if (!offered_)
      return;
    who_.offered = remote::encode(*offered_);
    who_.labels = labels_of(config_, *offered_);
    offered_.reset();
  }

  result<void> join() {
    take_offer();
    const auto towards_head = probe_head(config_.head_host, config_.head_port, config_.connect_limit);
    if (!towards_head)
      return towards_head.failure();
    if (auto found = find_own_address(*towards_head); !found)
      return found.failure();
    auto gate = reach_gate();
    if (!gate)
      return gate.failure();
    caf::scoped_actor self{system_};
    std::optional<result<void>> out;
    agent::welcome answer;
    agent::fleet_link head;
    const agent::agent_link link = agent_;
    self->request(*gate, caf::duration{config_.connect_limit}, agent::hello_atom::value, who_, link)
        .receive(
            [&](agent::welcome& x, agent::fleet_link& to) {
              answer = std::move(x);
              head = std::move(to);
            },
            [&](caf::error& why) { out.emplace(no_answer(why, config_.connect_limit)); });
    if (out)
      return *out;
    if (answer.version != agent::protocol_version)
      return {ec::unsupported, "the head speaks version " + std::to_string(answer.version) +
                                   " of the protocol for agents, and this agent version " +
                                   std::to_string(agent::protocol_version) + ": install the same Muster on both"};
    {
      const std::lock_guard lock{mutex_};
      session_over_ = false;
    }
    self->request(agent_, caf::duration{take_up_limit}, agent::begin_atom::value, answer, head)
        .receive([&](std::uint64_t) { out.emplace(); },
                 [&](caf::error& why) { out.emplace(no_answer(why, take_up_limit)); });
    return *out;
  }

  /// The head's gate. The blocking call of CAF has no limit where a peer accepts and is silent.
  result<agent::gate_actor> find_gate() {
    caf::scoped_actor self{system_};
    std::optional<result<agent::gate_actor>> out;
    set_handshake_problem({});
    const auto where = config_.head_host + ":" + std::to_string(config_.head_port);
    const auto by = door_ ? door_ : system_.middleman().actor_handle();
    self->request(by, caf::duration{config_.connect_limit}, caf::connect_atom::value, config_.head_host,
                  config_.head_port)
        .receive(
            [&](const caf::node_id&, caf::strong_actor_ptr& found, std::set<std::string>& offers) {
              if (!found || !system_.assignable(offers, system_.message_types<agent::gate_actor>()))
                out.emplace(error{ec::unsupported,
                                  "what listens at " + where + " is not a head that agents of this version can join"});
              else
                out.emplace(caf::actor_cast<agent::gate_actor>(std::move(found)));
            },
            [&](const caf::error& why) {
              out.emplace(error{ec::unavailable, "no head answers at " + where + ": " + why_no_gate(why)});
            });
    return std::move(*out);
  }

  void set_handshake_problem(const std::string& why) {
    const std::lock_guard lock{mutex_};
    handshake_problem_ = why;
  }

  /// In words of people, of whom most have the wrong address or certificate.
  std::string why_no_gate(const caf::error& why) {
    if (why == caf::sec::request_timeout)
      return "what listens there said nothing for " + std::to_string(config_.connect_limit.count()) +
             " ms: it is not where a head takes agents, see agents.listen of its configuration";
    if (!config_.certificates)
      return "what listens there broke off: it wants a certificate (--certs), or is not where a head takes agents, see "
             "agents.listen of its configuration";
    const std::lock_guard lock{mutex_};
    return (handshake_problem_.empty() ? "what listens there broke off" : handshake_problem_) +
           ": it does not encrypt, or has no certificate of the same authority as that in --certs";
  }

  /// Why it did not join; the same reason again and again is said once.
  void say_refused(const error& why) {
    if (why.message != last_refusal_)
      log::warn("agent", "cannot join", {{"head", config_.head_host}, {"why", why.message}});
    last_refusal_ = why.message;
  }

  // Used by the AGENT until its system has ended.
  std::mutex mutex_;
  std::condition_variable changed_;
  bool connected_ = false;
  bool session_over_ = false; ///< The one that was begun last.
  bool ending_ = false;
  bool looks_now_ = false;
  std::optional<capabilities> offered_; ///< Other than it joined with, or tried to.
  std::optional<error> refused_;
  store::writer_lock lock_; ///< Nobody else uses the directory.
  agent_config config_;
  agent::hello who_;
  const bool makes_networks_; ///< The executor does.
  const std::vector<std::string> drivers_;
  std::string last_refusal_;
  std::string handshake_problem_; ///< Of the last connection that did not come about.
  system_config configuration_;
  caf::actor_system system_;
  caf::io::middleman_actor door_; ///< Null where nothing is encrypted.
  agent::agent_actor agent_;
  agent::end_permit may_end_ = std::make_shared<std::atomic<bool>>(false);
  std::minstd_rand random_{std::random_device{}()};
  std::mutex connecting_; ///< Held while certificates are read.
  std::thread connector_;
  std::thread looker_;
};

result<std::unique_ptr<agent_runtime>> agent_runtime::start(agent_config config) {
  if (!config.executor)
    return error{ec::invalid_argument, "an agent needs an executor"};
  const store::state_directory own{config.own_directory};
  auto lock = store::writer_lock::take(own);
  if (!lock)
    return lock.failure();
  if (auto kept = remote::ledger::keep_to_node(config.own_directory / "attempts", config.node); !kept)
    return kept.failure();
  if (config.on_owned)
    if (auto done = config.on_owned(); !done)
      return done.failure();
  auto memory = store::head_id(own);
  if (!memory)
    return memory.failure();
  auto offered = config.executor->probe();
  if (!offered)
    return offered.failure();
  if (auto fits = machine::check_share(config.offers, offered->total); !fits)
    return fits.failure();
  machine::limit_to(config.offers, offered->total);
  if (config.on_probed)
    if (auto done = config.on_probed(); !done)
      return done.failure();
  agent::hello who;
  who.node = config.node;
  who.pool = config.pool;
  who.memory = *std::move(memory);
  who.incarnation = random_number();
  who.token = config.token;
  who.offered = remote::encode(*offered);
  who.platform = config.platform;
  who.labels = labels_of(config, *offered);
  who.address = config.address;
  auto x = std::make_unique<impl>(std::move(config), std::move(who), *offered, std::move(*lock));
  x->start();
  return std::unique_ptr<agent_runtime>{new agent_runtime(std::move(x))};
}

agent_runtime::agent_runtime(std::unique_ptr<impl> x) : impl_(std::move(x)) {}

agent_runtime::~agent_runtime() = default;

void agent_runtime::between_connections(const std::function<void()>& what) {
  impl_->between_connections(what);
}

void agent_runtime::look_now() {
  impl_->look_now();
}

bool agent_runtime::wait_connected(std::chrono::steady_clock::time_point deadline) {
  return impl_->wait_connected(deadline);
}

std::optional<error> agent_runtime::wait_refused(std::chrono::steady_clock::time_point deadline) {
  return impl_->wait_refused(deadline);
}

} // namespace muster
