#include "cli/serve/head.hpp"

#include "actors/retention.hpp"
#include "actors/runtime.hpp"
#include "cli/commands/errors.hpp"
#include "cli/exit_code.hpp"
#include "cli/serve/first_token.hpp"
#include "cli/serve/head_file.hpp"
#include "cli/serve/head_pools.hpp"
#include "cli/serve/log_sink.hpp"
#include "cli/serve/pulse.hpp"
#include "gateway/service.hpp"
#include "muster/base/log.hpp"
#include "muster/event/json.hpp"
#include "muster/store/reader.hpp"

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

milliseconds rounded(duration x) {
  return std::chrono::duration_cast<milliseconds>(x);
}

store::retention_policy policy_of(const config::retention_settings& x) {
  store::retention_policy out;
  out.workflow_age = x.workflows.age;
  out.workflow_count = x.workflows.count;
  out.workflow_bytes = x.workflows.bytes;
  out.event_age = x.events.age;
  out.event_count = x.events.count;
  out.audit_age = x.audit.age;
  return out;
}

/// Each client costs a descriptor, and shells permit 1024 as a rule. After the warden was launched: tasks keep the
/// limit that they know, for some programs cannot live with another one.
void permit_many_clients() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
    files.rlim_cur = files.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &files);
  }
}

http::server_config server_config_of(const config::server_settings& x) {
  http::server_config out;
  const auto listen = config::parse_listen(x.listen); // Was checked when it was read.
  out.address = listen ? listen->address : out.address;
  out.port = listen ? listen->port : out.port;
  if (x.tls)
    out.tls = http::tls_files{x.tls->cert, x.tls->key};
  const auto& limits = x.limits;
  out.threads = limits.threads;
  out.workers = limits.workers;
  out.queue = limits.queue;
  out.connections = limits.connections;
  out.connections_per_peer = limits.connections_per_peer;
  out.header_bytes = static_cast<std::size_t>(limits.header_bytes);
  out.body_bytes = static_cast<std::size_t>(limits.body_bytes);
  out.body_bytes_total = static_cast<std::size_t>(limits.body_bytes_total);
  out.header_timeout = rounded(limits.header_timeout);
  out.body_timeout = rounded(limits.body_timeout);
  out.idle_timeout = rounded(limits.idle_timeout);
  out.write_timeout = rounded(limits.write_timeout);
  return out;
}

/// `127.0.0.1` where it listens everywhere: what a command of this machine can call.
std::string own_address(const config::server_settings& x, std::uint16_t port) {
  const auto listen = config::parse_listen(x.listen);
  auto host = listen ? listen->address : std::string{"127.0.0.1"};
  if (host == "0.0.0.0")
    host = "127.0.0.1";
  else if (host == "::")
    host = "::1";
  if (host.find(':') != std::string::npos)
    host = '[' + host + ']';
  return (x.tls ? "https://" : "http://") + host + ':' + std::to_string(port);
}

/// A head from its start to its end.
class head {
public:
  head(const config::configuration& known, const store::state_directory& directory, const head_options& options,
       const reread& read_again, signal_inbox& inbox, notifier& tell)
      : known_(known), directory_(directory), options_(options), read_again_(read_again), inbox_(inbox), tell_(tell) {}

  int run() {
    if (auto started = start(); !started) {
      log::error(component, "head cannot start", {{"why", started.failure().message}});
      return exit_code_of(started.failure().code);
    }
    const auto code = wait();
    stop();
    return code;
  }

private:
  result<void> start() {
    tell_.status("starting");
    auto config = make_runtime_config(known_, directory_, options_.pools);
    if (!config)
      return config.failure();
    permit_many_clients();
    auto sink = open_service_log(known_.service.log);
    if (!sink)
      return sink.failure();
    log::install(*sink);
    log::info(
        component, "head starts",
        {{"version", MUSTER_VERSION}, {"pid", static_cast<long>(::getpid())}, {"state", directory_.root().string()}});
    auto engine = runtime::start(*std::move(config));
    if (!engine)
      return engine.failure();
    engine_ = *std::move(engine);
    pulse_.emplace(*engine_, tell_);
    if (auto done = recover(); !done)
      return done;
    keep();
    see_to_token();
    if (auto done = listen(); !done)
      return done;
    tell_.ready("ready at " + address_);
    log::info(component, "head is ready", {{"address", address_}});
    return {};
  }

  result<void> recover() {
    auto told = clock::now();
    const auto report = engine_->recover([&](const recovery_progress& x) {
      if (clock::now() - told < seconds{1})
        return;
      told = clock::now();
      tell_.extend(seconds{30});
      tell_.status("taking up workflows: " + std::to_string(x.done()) + " of " + std::to_string(x.found));
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
    retention_config config{directory_, policy_of(known_.service.retention)};
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
    const auto& server = known_.service.server;
    gateway::service_config config{directory_,
                                   server_config_of(server),
                                   {server.auth == config::auth_mode::tokens, server.allowed_hosts},
                                   MUSTER_VERSION,
                                   {},
                                   {}};
    config.public_metrics = server.public_metrics;
    config.events.ring_bytes = static_cast<std::size_t>(known_.service.events.ring);
    config.events.bookmark = std::chrono::duration_cast<std::chrono::milliseconds>(known_.service.events.bookmark);
    const auto& webhooks = known_.service.webhooks;
    config.webhooks.allow_private = webhooks.allow_private;
    config.webhooks.most = webhooks.most;
    config.webhooks.attempts = webhooks.attempts;
    config.webhooks.timeout = rounded(webhooks.timeout);
    auto made = gateway::service::start(std::move(config), *engine_);
    if (!made)
      return made.failure();
    service_ = *std::move(made);
    address_ = own_address(known_.service.server, service_->port());
    if (auto published = publish_monitors(); !published)
      return published;
    head_file file;
    file.address = address_;
    file.pid = ::getpid();
    file.started = to_rfc3339(std::chrono::time_point_cast<timestamp::duration>(std::chrono::system_clock::now()));
    file.version = MUSTER_VERSION;
    if (known_.service.server.tls)
      file.ca = std::filesystem::absolute(known_.service.server.tls->cert).string();
    return write_head_file(directory_, file);
  }

  result<void> publish_monitors() {
    const auto& where = known_.service.monitors.listen;
    if (where == "off")
      return {};
    const auto listen = config::parse_listen(where);
    if (!listen)
      return listen.failure();
    if (!listen->is_loopback())
      log::warn(component, "monitors are not authenticated, and can connect from elsewhere", {{"listen", where}});
    const auto port = engine_->publish_monitors(listen->address, listen->port);
    if (!port)
      return port.failure();
    log::info(component, "monitors can connect", {{"address", listen->address}, {"port", unsigned{*port}}});
    return {};
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
      inbox_.wait(longest);
    }
  }

  void reload() {
    tell_.reloading();
    auto next = read_again_();
    if (!next) {
      log::error(component, "configuration is wrong, the former one stays", {{"why", next.failure().message}});
      tell_.ready("ready at " + address_ + "; the configuration file is wrong");
      return;
    }
    if (auto set = log::set_levels(
            {next->service.log.level, {next->service.log.levels.begin(), next->service.log.levels.end()}});
        !set)
      log::error(component, "log levels stay", {{"why", set.failure().message}});
    keeper_->set_policy(policy_of(next->service.retention), rounded(next->service.retention.interval));
    if (known_.service.server.tls)
      if (auto read = service_->server().reload_tls(); !read)
        log::error(component, "certificates stay", {{"why", read.failure().message}});
    see_to_token();
    std::string later;
    for (const auto& key : changes_that_need_restart(known_.service, next->service))
      later += (later.empty() ? "" : " ") + key;
    if (to_yaml(known_.pools) != to_yaml(next->pools))
      later += (later.empty() ? "pools" : " pools");
    if (later.empty())
      log::info(component, "configuration was read again");
    else
      log::warn(component, "configuration was read again; some of it needs a restart", {{"keys", later}});
    tell_.ready("ready at " + address_ + (later.empty() ? "" : "; a restart is needed for: " + later));
  }

  void stop() {
    tell_.stopping("stopping");
    remove_head_file(directory_);
    if (engine_->failure() == std::nullopt) {
      engine_->stop_admitting();
      if (options_.stop_tasks)
        stop_tasks();
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
    const auto until = clock::now() + rounded(known_.service.server.drain);
    while (!inbox_.pending() && clock::now() < until && service_->server().figures().connections > 0)
      service_->drain(std::min(until, clock::now() + slice));
    service_->drain(clock::now());
  }

  /// Cancels every workflow and waits for the ends; a second signal kills, a third waits no more.
  void stop_tasks() {
    auto reader = store::reader::open(directory_);
    if (!reader)
      return;
    const auto all = unfinished(*reader);
    cancel(all, false);
    unsigned hurries = 0;
    const auto until = clock::now() + rounded(known_.service.defaults.stop_grace) + seconds{30};
    for (auto left = all.size(); left > 0 && hurries < 2 && clock::now() < until;) {
      tell_.extend(seconds{30});
      tell_.status("ending tasks: " + std::to_string(left) + " workflows are left");
      inbox_.wait(milliseconds{100});
      while (inbox_.next())
        if (++hurries == 1)
          cancel(all, true);
      left = unfinished(*reader).size();
    }
  }

  static std::vector<workflow_key> unfinished(store::reader& reader) {
    store::workflow_query query;
    query.unfinished = true;
    query.limit = 100'000;
    std::vector<workflow_key> out;
    if (const auto found = reader.workflows(query))
      for (const auto& x : *found)
        out.push_back(x.key);
    return out;
  }

  void cancel(const std::vector<workflow_key>& all, bool force) {
    for (const auto key : all)
      if (const auto done = engine_->cancel(key, "the head was stopped with --stop-tasks", force);
          !done && done.failure().code != ec::conflict)
        log::warn(component, "workflow cannot be canceled", {{"why", done.failure().message}});
  }

  const config::configuration& known_;
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
  clock::time_point token_at_ = clock::time_point::max(); ///< When a token is to be made again.
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
