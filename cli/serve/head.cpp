#include "cli/serve/head.hpp"

#include "actors/retention.hpp"
#include "actors/runtime.hpp"
#include "cli/commands/errors.hpp"
#include "cli/exit_code.hpp"
#include "cli/serve/first_token.hpp"
#include "cli/serve/head_file.hpp"
#include "cli/serve/head_pools.hpp"
#include "cli/serve/head_settings.hpp"
#include "cli/serve/log_sink.hpp"
#include "cli/serve/own_audit.hpp"
#include "cli/serve/pulse.hpp"
#include "cli/serve/stop_tasks.hpp"
#include "gateway/auth/certificates.hpp"
#include "gateway/auth/monitor_admission.hpp"
#include "gateway/auth/node_admission.hpp"
#include "gateway/service.hpp"
#include "muster/base/log.hpp"
#include "muster/event/json.hpp"
#include "muster/store/reader.hpp"
#include "muster/store/writer.hpp"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <sys/resource.h>
#include <unistd.h>
#include <utility>

namespace muster::cli {

namespace {

using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto component = "serve";

/// Each client costs a descriptor, and shells permit 1024 as a rule. After the warden was launched: tasks keep the
/// limit that they know, for some programs cannot live with another one.
void permit_many_clients() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
    files.rlim_cur = files.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &files);
  }
}

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& x : names)
    out += (out.empty() ? "" : " ") + x;
  return out;
}

/// A head from its start to its end.
class head {
public:
  head(const config::configuration& known, const store::state_directory& directory, const head_options& options,
       const reread& read_again, signal_inbox& inbox, notifier& tell)
      : known_(known), directory_(directory), options_(options), read_again_(read_again), inbox_(inbox), tell_(tell) {}

  int run() {
    tell_.status("starting");
    const auto room = wait_for_room();
    if (!room) {
      log::error(component, "head cannot start", {{"why", room.failure().message}});
      return exit_code_of(room.failure().code);
    }
    if (!*room)
      return exit_completed;
    if (auto started = start(); !started) {
      log::error(component, "head cannot start", {{"why", started.failure().message}});
      remove_head_file(directory_);
      return exit_code_of(started.failure().code);
    }
    const auto code = wait();
    stop();
    return code;
  }

private:
  /// A store without room cannot be opened: there is nothing that could be said of it, so it waits until there is.
  /// False if a signal ended that.
  result<bool> wait_for_room() {
    for (bool told = false;; told = true) {
      const auto tried = store::writer::open(directory_); // Given back at once.
      if (tried || tried.failure().code != ec::store_full)
        return tried ? result<bool>{true} : tried.failure();
      if (!told)
        log::error(component, "head waits until there is room on the disk", {{"why", tried.failure().message}});
      tell_.extend(seconds{30});
      tell_.status("waiting until there is room on the disk of " + directory_.root().string());
      inbox_.wait(seconds{1});
      while (const auto signal = inbox_.next())
        if (*signal != SIGHUP)
          return false;
    }
  }

  result<void> start() {
    auto setup = make_head_setup(known_, directory_, options_.pools);
    if (!setup)
      return setup.failure();
    permit_many_clients();
    auto sink = open_service_log(known_.service.log);
    if (!sink)
      return sink.failure();
    log::install(*sink);
    log::info(
        component, "head starts",
        {{"version", MUSTER_VERSION}, {"pid", static_cast<long>(::getpid())}, {"state", directory_.root().string()}});
    for (const auto& [pool, text] : setup->warnings)
      log::warn("pool", text, {{"pool", pool}});
    auto engine = runtime::start(std::move(setup->engine));
    if (!engine)
      return engine.failure();
    engine_ = *std::move(engine);
    pulse_.emplace(*engine_, tell_);
    if (setup->agents_join)
      if (auto done = publish_agents(); !done)
        return done;
    // It can be seen to live while it takes up what it left, which may last.
    if (auto done = listen(); !done)
      return done;
    wait_for_nodes();
    if (auto done = recover(); !done)
      return done;
    keep();
    see_to_token();
    if (auto done = open(); !done)
      return done;
    tell_.ready("ready at " + address_);
    log::info(component, "head is ready", {{"address", address_}});
    return {};
  }

  result<void> recover() {
    auto told = clock::now();
    service_->set_not_ready("taking up workflows");
    const auto report = engine_->recover([&](const recovery_progress& x) {
      const auto how_far = "taking up workflows: " + std::to_string(x.done()) + " of " + std::to_string(x.found);
      service_->set_not_ready(how_far);
      if (clock::now() - told < seconds{1})
        return;
      told = clock::now();
      tell_.extend(seconds{30});
      tell_.status(how_far);
    });
    if (!report)
      return report.failure();
    const auto& counts = report->counts;
    if (counts.found > 0)
      log::info(
          component, "workflows taken up",
          {{"found", counts.found}, {"taken_up", counts.taken_up}, {"held", counts.held}, {"failed", counts.failed}});
    for (const auto& x : report->failures)
      log::error(component, "workflow cannot be taken up", {{"workflow", x.id}, {"why", x.why.message}});
    return {};
  }

  /// Somebody must be able to ask. If that cannot be seen to now, for want of room say, it is tried again.
  void see_to_token() {
    token_at_ = clock::time_point::max();
    if (known_.service.server.auth != config::auth_mode::tokens)
      return;
    const auto made = ensure_admin_token(directory_, *engine_);
    const auto file = first_token_file(directory_).string();
    if (!made) {
      log::error(component, "nobody has a token of an admin, and none can be made; it is tried again",
                 {{"file", file}, {"why", made.failure().message}});
      token_at_ = clock::now() + seconds{10};
    } else if (*made) {
      log::warn(component, "nobody had a token of an admin, so one was made", {{"file", file}});
    }
  }

  /// Begins to remove what need not be kept.
  void keep() {
    retention_config config{directory_, retention_policy_of(known_.service.retention)};
    config.interval = rounded(known_.service.retention.interval);
    keeper_ = std::make_shared<retention>(std::move(config), *engine_);
    if (const auto found = keeper_->find_orphans(); !found)
      log::warn(component, "folders of deleted workflows were not looked for", {{"why", found.failure().message}});
    // The handler stays with the runtime, which ends later.
    engine_->subscribe([weak = std::weak_ptr<retention>{keeper_}](const std::vector<event>& batch) {
      const auto is_deletion = [](const event& x) { return x.type == event_type::workflow_deleted; };
      if (std::any_of(batch.begin(), batch.end(), is_deletion))
        if (const auto living = weak.lock())
          living->wake();
    });
    keeper_->start();
  }

  result<void> listen() {
    auto made = gateway::service::listen(service_config_of(known_.service, directory_), *engine_);
    if (!made)
      return made.failure();
    service_ = *std::move(made);
    address_ = own_address(known_.service.server, service_->port());
    log::info(component, "head listens", {{"address", address_}});
    publish_address();
    return {};
  }

  /// From now on it answers everything.
  result<void> open() {
    engine_->note(store::audit_abandoned{time_now()});
    if (auto done = service_->open(); !done)
      return done;
    warn_of_plain_text();
    if (auto published = publish_monitors(); !published)
      return published;
    service_->set_not_ready({});
    ready_ = true;
    publish_address();
    return {};
  }

  /// Tells commands of this machine. Where there is no room for that, it is tried again: others know the address.
  void publish_address() {
    address_at_ = clock::time_point::max();
    head_file file;
    file.address = address_;
    file.pid = ::getpid();
    file.started = started_;
    file.version = MUSTER_VERSION;
    file.ready = ready_;
    file.agents = agents_address_;
    if (known_.service.server.tls)
      file.ca = std::filesystem::absolute(known_.service.server.tls->cert).string();
    const auto written = write_head_file(directory_, file);
    if (written)
      return;
    log::error(component, "commands do not find this head by its state directory; it is tried again",
               {{"why", written.failure().message}});
    address_at_ = clock::now() + seconds{10};
  }

  /// Who listens on the way has the tokens then.
  void warn_of_plain_text() const {
    const auto& x = known_.service.server;
    if (const auto listen = config::parse_listen(x.listen); listen && !listen->is_loopback() && !x.tls)
      log::warn(component, "tokens and answers are not encrypted: set server.tls, or let a proxy encrypt",
                {{"listen", x.listen}});
  }

  result<void> publish_monitors() {
    const auto& where = known_.service.monitors.listen;
    if (where == "off")
      return {};
    const auto listen = config::parse_listen(where);
    if (!listen)
      return listen.failure();
    const auto port = engine_->publish_monitors(listen->address, listen->port, admission_of_monitors());
    if (!port)
      return port.failure();
    log::info(component, "monitors can connect", {{"address", listen->address}, {"port", unsigned{*port}}});
    return {};
  }

  /// Before workflows are taken up: what is known of nodes then needs not be guessed.
  result<void> publish_agents() {
    const auto& x = known_.service;
    if (x.agents.listen == "off") {
      log::warn(component, "no node can join: agents.listen is off");
      return {};
    }
    const auto listen = config::parse_listen(x.agents.listen);
    if (!listen)
      return listen.failure();
    const auto port = engine_->publish_agents(listen->address, listen->port, admission());
    if (!port)
      return port.failure();
    agents_address_ = listen->address + ':' + std::to_string(*port);
    log::info(component, "agents can connect", {{"address", agents_address_}});
    return {};
  }

  /// The nodes of agents where something had places when the last head ended.
  [[nodiscard]] std::vector<std::string> nodes_in_use() const {
    auto reader = store::reader::open(directory_);
    auto names = reader ? reader->nodes_in_use() : result<std::vector<std::string>>{reader.failure()};
    const auto nodes = reader ? reader->nodes() : result<std::vector<store::node_record>>{reader.failure()};
    if (!names || !nodes)
      return {};
    const auto is_of_agents = [&](const std::string& x) {
      return std::any_of(nodes->begin(), nodes->end(), [&](const auto& one) { return one.name == x; });
    };
    names->erase(std::remove_if(names->begin(), names->end(), [&](const auto& x) { return !is_of_agents(x); }),
                 names->end());
    return *std::move(names);
  }

  /// Nodes join again within a second or two, and of those that are here it is known what they never got to start.
  void wait_for_nodes() {
    if (agents_address_.empty())
      return;
    const auto awaited = nodes_in_use();
    const auto are_here = [&] {
      const auto met = engine_->nodes_met();
      return met && std::all_of(awaited.begin(), awaited.end(),
                                [&](const auto& x) { return std::find(met->begin(), met->end(), x) != met->end(); });
    };
    constexpr auto pause = milliseconds{50};
    const auto until = clock::now() + seconds{5};
    while (!are_here() && clock::now() < until && !inbox_.pending())
      inbox_.wait(pause);
  }

  static timestamp time_now() { return std::chrono::time_point_cast<duration>(std::chrono::system_clock::now()); }

  [[nodiscard]] monitor_admission admission_of_monitors() const {
    if (known_.service.server.auth != config::auth_mode::tokens)
      return {};
    const auto by =
        std::make_shared<gateway::monitor_admission>(directory_, time_now, [&engine = *engine_](const std::string& id) {
          engine.note(store::tokens_used{{{id, time_now()}}});
        });
    return [by](const std::string& token, bool is_new) { return by->check(token, is_new); };
  }

  /// Where nobody needs a token, nodes need none either.
  [[nodiscard]] node_admission admission() const {
    gateway::node_admission::settings how;
    how.tokens = known_.service.server.auth == config::auth_mode::tokens;
    if (!known_.service.agents.certs.empty())
      how.authority = gateway::certificates_in(link_folder(directory_)).authority;
    how.now = time_now;
    how.on_use = [&engine = *engine_](const std::string& id) { engine.note(store::tokens_used{{{id, time_now()}}}); };
    const auto by = std::make_shared<gateway::node_admission>(directory_, std::move(how));
    return [by](const node_applicant& x) { return by->check(x); };
  }

  /// Until a signal or a failure ends it.
  int wait() {
    constexpr auto longest = milliseconds{1000};
    for (;;) {
      while (const auto signal = inbox_.next()) {
        if (*signal != SIGHUP) {
          log::info(component, "head is asked to stop", {{"signal", *signal}});
          return exit_completed;
        }
        reload();
      }
      if (const auto problem = engine_->failure()) {
        log::error(component, "head cannot go on", {{"why", problem->message}});
        return exit_error;
      }
      if (clock::now() >= token_at_)
        see_to_token();
      if (clock::now() >= address_at_)
        publish_address();
      inbox_.wait(longest);
    }
  }

  /// A file that is wrong changes nothing.
  void reload() {
    tell_.reloading();
    auto next = read_again_();
    const auto done = audited(*engine_, "config.reload", {}, [&]() -> result<void> {
      if (!next)
        return next.failure();
      take_over(*next);
      return {};
    });
    if (done)
      return;
    log::error(component, "configuration is wrong, the former one stays", {{"why", done.failure().message}});
    tell_.ready("ready at " + address_ + "; the configuration file is wrong");
  }

  void take_over(const config::configuration& next) {
    take_over(next.service);
    const auto of_pools = take_over(next.pools);
    see_to_token();
    auto now = config::changes_between(last_, next.service).taken;
    now.insert(now.end(), of_pools.begin(), of_pools.end());
    last_ = next.service;
    auto later = config::changes_between(known_.service, last_).need_restart;
    const auto pools_later = config::changes_between(known_.pools, next.pools).need_restart;
    later.insert(later.end(), pools_later.begin(), pools_later.end());
    for (const auto& key : later)
      log::warn(component, "a change of the configuration needs a restart", {{"key", key}});
    log::info(component, "configuration was read again", {{"changed", joined(now)}});
    tell_.ready("ready at " + address_ + (later.empty() ? "" : "; a restart is needed for: " + joined(later)));
  }

  void take_over(const config::service_settings& x) {
    if (auto set = log::set_levels({x.log.level, {x.log.levels.begin(), x.log.levels.end()}}); !set)
      log::error(component, "log levels stay", {{"why", set.failure().message}});
    engine_->set_limits(runtime_limits_of(x));
    keeper_->set_policy(retention_policy_of(x.retention), rounded(x.retention.interval));
    if (auto done = service_->reload(service_config_of(x, directory_)); !done)
      log::error(component, "certificates stay", {{"why", done.failure().message}});
    if (!agents_address_.empty() && !known_.service.agents.certs.empty())
      take_over_certificates();
  }

  void take_over_certificates() {
    const auto done = renew_certificates(known_.service.agents, directory_, *engine_);
    if (!done)
      return log::error(component, "certificates for agents stay", {{"why", done.failure().message}});
    log::info(component, "certificates for agents were read again", {{"until", to_rfc3339(done->expires)}});
    if (done->other_authority)
      log::warn(component, "they are of another authority: agents with certificates of the former one cannot join");
  }

  /// Of pools only their policies; what else has changed needs a restart. Which keys have changed.
  std::vector<std::string> take_over(const std::map<std::string, config::pool_settings>& next) {
    auto changed = config::changes_between(pools_, next).taken;
    for (auto& [name, x] : pools_) {
      const auto found = next.find(name);
      if (found == next.end() || config::changed_keys(x.policy, found->second.policy).empty())
        continue;
      x.policy = found->second.policy;
      if (auto set = engine_->set_policy(config::pool_name(name), x.policy); !set)
        log::warn(component, "policy of a pool stays", {{"pool", name}, {"why", set.failure().message}});
    }
    return changed;
  }

  void stop() {
    tell_.stopping("stopping");
    remove_head_file(directory_);
    if (service_)
      service_->set_not_ready("the head is being stopped");
    if (engine_->failure() == std::nullopt) {
      engine_->stop_admitting();
      if (options_.stop_tasks)
        stop_tasks(*engine_, directory_, inbox_, tell_, rounded(last_.defaults.stop_grace) + milliseconds{seconds{30}});
    }
    if (service_) {
      drain();
      service_.reset();
    }
    keeper_.reset();
    tell_.status("writing what is left");
    pulse_.reset();
    engine_.reset();
    log::info(component, "head has stopped; tasks that run go on until the next start");
    log::install(nullptr);
  }

  /// Lets answers that are under way finish, until the time is up or another signal comes.
  void drain() {
    constexpr auto slice = milliseconds{100};
    const auto until = clock::now() + rounded(last_.server.drain);
    while (!inbox_.pending() && clock::now() < until && service_->server().figures().connections > 0)
      service_->drain(std::min(until, clock::now() + slice));
    service_->drain(clock::now());
  }

  const config::configuration& known_;
  config::service_settings last_ = known_.service; ///< As it was read last.
  /// With the policies that count: one that is not in the file any more keeps its own.
  std::map<std::string, config::pool_settings> pools_ = known_.pools;
  const store::state_directory& directory_;
  const head_options& options_;
  const reread& read_again_;
  signal_inbox& inbox_;
  notifier& tell_;
  std::unique_ptr<runtime> engine_;
  std::optional<pulse> pulse_;
  std::shared_ptr<retention> keeper_;
  std::unique_ptr<gateway::service> service_;
  std::string address_;
  std::string agents_address_; ///< Empty: no agents can connect.
  const std::string started_ =
      to_rfc3339(std::chrono::time_point_cast<timestamp::duration>(std::chrono::system_clock::now()));
  bool ready_ = false;
  clock::time_point address_at_ = clock::time_point::max(); ///< When head.json is to be written again.
  clock::time_point token_at_ = clock::time_point::max();   ///< When a token is to be made again.
};

} // namespace

int run_head(const config::configuration& known, const store::state_directory& directory, const head_options& options,
             const reread& read_again) {
  std::signal(SIGPIPE, SIG_IGN);
  if (const auto other = find_head(directory))
    return report({ec::store_locked, "a head is at work on " + directory.root().string() + " already: process " +
                                         std::to_string(other->pid) + " at " + other->address});
  notifier tell{[](const char* name) { return std::getenv(name); }};
  // Tasks are none of the service manager's business.
  for (const auto* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"})
    ::unsetenv(name);
  auto inbox = signal_inbox::open();
  if (!inbox)
    return report(inbox.failure());
  if (auto set = log::set_levels(
          {known.service.log.level, {known.service.log.levels.begin(), known.service.log.levels.end()}});
      !set)
    return report(set.failure());
  return head{known, directory, options, read_again, *inbox, tell}.run();
}

} // namespace muster::cli
