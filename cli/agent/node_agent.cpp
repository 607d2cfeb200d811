#include "cli/agent/node_agent.hpp"

#include "actors/agents/agent.hpp"
#include "cli/agent/node_address.hpp"
#include "cli/commands/errors.hpp"
#include "cli/commands/local_run.hpp"
#include "cli/commands/pool_choice.hpp"
#include "cli/commands/signals.hpp"
#include "cli/exit_code.hpp"
#include "cli/serve/head_pools.hpp"
#include "cli/serve/log_sink.hpp"
#include "executors/several/several_drivers.hpp"
#include "gateway/auth/agent_link.hpp"
#include "gateway/auth/certificates.hpp"
#include "gateway/client/http_client.hpp"
#include "muster/config/service.hpp"
#include "muster/event/json.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <functional>
#include <unistd.h>
#include <utility>

namespace muster::cli {

namespace {

constexpr auto component = "agent";

std::string host_name() {
  std::array<char, 256> text{};
  return ::gethostname(text.data(), text.size() - 1) == 0 ? std::string{text.data()} : std::string{};
}

bool has_driver(const node_options& options, const char* name) {
  return std::find(options.drivers.begin(), options.drivers.end(), name) != options.drivers.end();
}

/// The first one claims the GPUs: those beside it are given by it.
local_options options_for(const node_options& options, const std::string& driver) {
  local_options how;
  how.pool = driver;
  how.config_file = options.config_file;
  if (driver == "docker" || !has_driver(options, "docker")) // Who cannot take it says so.
    how.docker_host = options.docker_host;
  how.gpus = options.gpus;
  how.claims_gpus = driver == options.drivers.front();
  how.enforce_limits = options.enforce_limits;
  return how;
}

result<std::shared_ptr<driver>> make_one(const node_options& options, const std::string& name,
                                         const config::configuration& known, const store::state_directory& directory) {
  const auto how = options_for(options, name);
  auto chosen = choose_pool(how, known);
  if (!chosen)
    return chosen.failure();
  if (auto* docker = std::get_if<docker_pool_config>(&chosen->how)) {
    docker->confine_files = true; // Whose tasks the head sends is not known here.
    docker->node_address = options.address;
  }
  auto made = make_driver(std::move(*chosen), how, directory);
  return made ? result<std::shared_ptr<driver>>{std::shared_ptr<driver>{std::move(*made)}} : made.failure();
}

/// What runs the attempts: the warden, or the labels of containers, belong to the agent's own directory.
result<std::shared_ptr<driver>> make_executor(const node_options& options, const store::state_directory& directory) {
  config::configuration known;
  if (has_driver(options, "docker") || !options.config_file.empty()) {
    auto read = read_configuration(options_for(options, options.drivers.front()));
    if (!read)
      return {ec::invalid_argument, "the configuration file is wrong"};
    known = std::move(*read);
  }
  if (auto made = directory.create(); !made)
    return made.failure();
  std::vector<std::shared_ptr<driver>> all;
  for (const auto& name : options.drivers) {
    auto made = make_one(options, name, known, directory);
    if (!made)
      return made;
    all.push_back(std::move(*made));
  }
  if (all.size() == 1)
    return std::move(all.front());
  return std::shared_ptr<driver>{make_several_drivers(std::move(all))};
}

timestamp now() {
  return std::chrono::time_point_cast<duration>(std::chrono::system_clock::now());
}

error not_of(const std::string& folder, const std::string& name, const std::string& node) {
  return {ec::invalid_argument, "the certificate in " + std::filesystem::absolute(folder).string() +
                                    " is that of node " + name + ", and not of " + node};
}

/// Checked; `take_staged` makes them count.
result<gateway::certificate_facts> stage(const std::string& from, const std::string& node,
                                         const store::state_directory& directory) {
  auto facts = gateway::stage_certificates(from, link_folder(directory), gateway::certificate_use::node, now());
  if (facts && node != facts->name)
    return not_of(from, facts->name, node);
  return facts;
}

/// A node is who its certificate says.
result<void> use_certificates(const node_options& options, const store::state_directory& directory, agent_config& to) {
  const auto facts = gateway::check_certificates(options.certs, gateway::certificate_use::node, now());
  if (!facts)
    return facts.failure();
  if (!options.node.empty() && options.node != facts->name)
    return not_of(options.certs, facts->name, options.node);
  to.node = facts->name;
  to.on_owned = [certs = options.certs, name = facts->name, directory]() -> result<void> {
    const auto staged = stage(certs, name, directory);
    return staged ? gateway::take_staged(link_folder(directory)) : staged.failure();
  };
  gateway::encrypt_by(std::filesystem::absolute(link_folder(directory)), to);
  return {};
}

result<agent_config> config_of(const node_options& options, const store::state_directory& directory) {
  agent_config out;
  const auto head = parse_host(options.head);
  if (!head)
    return head.failure();
  if (options.certs.empty() && head->host != "localhost" &&
      !config::listen_address{head->host, head->port}.is_loopback())
    return {ec::invalid_argument, "without certificates an agent joins a head on loopback only, and " + options.head +
                                      " is not: name their folder by --certs (`muster ca` makes them)"};
  out.head_host = head->host;
  out.head_port = head->port;
  if (!options.token_file.empty()) {
    auto token = client::read_token(options.token_file);
    if (!token)
      return token.failure();
    out.token = std::move(*token);
  }
  out.node = options.node.empty() ? host_name() : options.node;
  if (!options.certs.empty())
    if (auto good = use_certificates(options, directory, out); !good)
      return good.failure();
  out.pool = options.pool;
  out.platform = options.platform;
  out.labels = options.labels;
  out.address = options.address;
  out.offers = options.offers;
  out.own_directory = directory.root();
  auto executor = make_executor(options, directory);
  if (!executor)
    return executor.failure();
  out.executor = std::move(*executor);
  return out;
}

/// What the agent is asked to read again.
using reload = std::function<void()>;

int wait(agent_runtime& agent, signal_inbox& inbox, const reload& on_hangup) {
  for (;;) {
    while (const auto signal = inbox.next()) {
      if (*signal == SIGHUP) {
        on_hangup();
        continue;
      }
      log::info(component, "agent is asked to stop", {{"signal", *signal}});
      return exit_completed;
    }
    if (const auto why = agent.wait_refused(std::chrono::steady_clock::now())) {
      log::error(component, "this node cannot join", {{"why", why->message}});
      return exit_code_of(why->code);
    }
    inbox.wait(std::chrono::seconds{60});
  }
}

/// For connections from now on.
void renew_certificates(const node_options& options, const std::string& node, const store::state_directory& directory,
                        agent_runtime& agent) {
  if (options.certs.empty())
    return;
  const auto facts = stage(options.certs, node, directory);
  result<void> done = facts ? result<void>{} : result<void>{facts.failure()};
  if (facts)
    agent.between_connections([&] { done = gateway::take_staged(link_folder(directory)); });
  if (done)
    log::info(component, "certificate was read again", {{"until", to_rfc3339(facts->expires)}});
  else
    log::error(component, "certificate stays", {{"why", done.failure().message}});
}

/// The first line of it, and what this node should know of its address.
result<void> begin_log(const node_options& options, const store::state_directory& directory, const std::string& node,
                       const std::string& address) {
  auto sink = open_service_log({});
  if (!sink)
    return sink.failure();
  log::install(*std::move(sink));
  log::info(component, "agent works",
            {{"node", node},
             {"head", options.head},
             {"pid", static_cast<long>(::getpid())},
             {"state", directory.root().string()}});
  if (has_driver(options, "docker") && options.address.empty())
    log::info(component, "groups are placed here as a whole or not at all: no --address says where other nodes reach "
                         "the host's network");
  if (!is_own_address(address))
    log::warn(component, "no network interface of this machine has the address that tasks of other nodes are told",
              {{"address", address}});
  return {};
}

} // namespace

result<host_and_port> parse_host(const std::string& text) {
  const auto refuse = [&text] {
    return error{ec::invalid_argument,
                 "'" + text.substr(0, 80) + "' is no host and port such as head.example.org:7718"};
  };
  const auto colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0)
    return refuse();
  const auto port = text.substr(colon + 1);
  if (port.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != std::string::npos ||
      std::stoul(port) > 65'535 || std::stoul(port) == 0)
    return refuse();
  auto host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  else if (host.find(':') != std::string::npos)
    return refuse();
  return host_and_port{std::move(host), static_cast<std::uint16_t>(std::stoul(port))};
}

int run_node(const node_options& options, const store::state_directory& directory) {
  std::signal(SIGPIPE, SIG_IGN);
  auto inbox = signal_inbox::open();
  if (!inbox)
    return report(inbox.failure());
  const auto level = log::parse_level(options.log_level).value_or(log::level::info);
  if (auto set = log::set_levels({level, {}}); !set)
    return report(set.failure());
  auto config = config_of(options, directory);
  if (!config)
    return report(config.failure());
  const auto node = config->node;
  config->on_refused = [&inbox] { inbox->wake(); };
  // After the warden was launched, which is when the driver is probed.
  config->on_probed = [&options, &directory, node, address = config->address]() -> result<void> {
    return begin_log(options, directory, node, address);
  };
  auto agent = agent_runtime::start(*std::move(config));
  if (!agent) {
    log::install(nullptr);
    return report(agent.failure());
  }
  const auto code = wait(**agent, *inbox, [&] {
    renew_certificates(options, node, directory, **agent);
    (*agent)->look_now();
  });
  agent->reset();
  log::info(component, "agent has stopped; tasks that run go on until the next start");
  log::install(nullptr);
  return code;
}

} // namespace muster::cli
