#include "cli/agent/node_address.hpp"
#include "cli/agent/node_agent.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/errors.hpp"
#include "cli/commands/gpus.hpp"
#include "cli/commands/listing.hpp"
#include "cli/suggest.hpp"
#include "muster/spec/quantity.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <vector>

namespace muster::cli {

namespace {

struct agent_options {
  node_options node;
  std::vector<std::string> labels; ///< `k=v`
};

/// Beside the usual state directory unless one is named: a head may be at work there.
result<store::state_directory> own_directory(const context& ctx) {
  auto found = find_state_directory(ctx);
  if (!found || !ctx.state_dir.empty())
    return found;
  return store::state_directory{found->root().parent_path() / (found->root().filename().string() + "-agent")};
}

std::optional<std::int64_t> parse_cpus(const std::string& text) {
  constexpr std::int64_t most = 1'000'000;
  std::int64_t out = 0;
  const auto* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, out);
  const bool good = read.ec == std::errc{} && read.ptr == end && out > 0 && out <= most;
  return good ? std::optional{out} : std::nullopt;
}

std::optional<std::int64_t> parse_size(const std::string& text) {
  const auto size = spec::parse_bytes(text);
  return size && *size > 0 ? std::optional{*size} : std::nullopt;
}

/// An amount that `parse` understands.
void add_amount(CLI::App& command, const char* name, std::optional<std::int64_t>& into,
                std::optional<std::int64_t> (*parse)(const std::string&), const char* type, const char* such_as,
                const char* text) {
  command
      .add_option_function<std::string>(
          name, [&into, parse](const std::string& given) { into = parse(given); }, text)
      ->type_name(type)
      ->check([parse, such_as](const std::string& given) {
        return parse(given) ? std::string{} : "'" + given.substr(0, 80) + "' is no " + such_as;
      });
}

/// As much of the machine as is offered.
void add_share(CLI::App& command, machine::share& into) {
  add_amount(command, "--cpu", into.cpu, parse_cpus, "N", "number of CPUs such as 8",
             "CPUs of this machine that are offered (default: all)");
  add_amount(command, "--memory", into.memory, parse_size, "SIZE", "size such as 16Gi",
             "Memory of this machine that is offered (default: all)");
  add_amount(command, "--storage", into.storage, parse_size, "SIZE", "size such as 500Gi",
             "Storage that is offered, if as much is free (default: what is free)");
}

/// One or more of those that an agent can have.
void add_drivers(CLI::App& command, std::vector<std::string>& into) {
  command
      .add_option("--driver", into,
                  "What runs tasks here: process, docker, or process,docker for both; the first one runs those that "
                  "ask for none (default: process)")
      ->type_name("NAMES")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check([](const std::string& text) {
        static const std::vector<std::string> known{"process", "docker"};
        if (std::find(known.begin(), known.end(), text) != known.end())
          return std::string{};
        return "'" + text.substr(0, 80) + "' is neither process nor docker" + did_you_mean(text, known);
      });
}

int run_agent(const context& ctx, agent_options options) {
  const auto& drivers = options.node.drivers;
  if (std::set<std::string>{drivers.begin(), drivers.end()}.size() < drivers.size())
    return report_usage("--driver names the same one twice");
  for (const auto& x : options.labels) {
    const auto at = x.find('=');
    options.node.labels[x.substr(0, at)] = x.substr(at + 1);
  }
  const auto directory = own_directory(ctx);
  return directory ? run_node(options.node, *directory) : report(directory.failure());
}

} // namespace

void add_agent(CLI::App& app, context& ctx) {
  auto* command = app.add_subcommand("agent", "Make this machine a node of a head: run what it places here");
  auto options = std::make_shared<agent_options>();
  auto& x = options->node;
  command->add_option("--head", x.head, "Where the head listens for agents")
      ->type_name("HOST:PORT")
      ->required()
      ->check([](const std::string& text) {
        const auto at = parse_host(text);
        return at ? std::string{} : at.failure().message;
      });
  command->add_option("--token-file", x.token_file, "File with a token of the role node")->type_name("FILE");
  command->add_option("--certs", x.certs, "Folder with the certificate of this node: the connection is encrypted")
      ->type_name("DIR");
  command->add_option("--node", x.node, "Name of this node (default: that of its certificate, else of the host)")
      ->type_name("NAME");
  command
      ->add_option("--pool", x.pool,
                   "Pool to join (default: the only one that agents can join, or the one whose node_labels it carries)")
      ->type_name("NAME");
  command->add_option("--platform", x.platform, "Platform that specs ask for by this name")->type_name("NAME");
  command->add_option("--label", options->labels, "Label of this node, such as rack=r7; may be repeated")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false)
      ->check([](const std::string& text) {
        const auto at = text.find('=');
        return at == 0 || at == std::string::npos ? "'" + text + "' is no label such as rack=r7" : std::string{};
      });
  command
      ->add_option("--address", x.address,
                   "IPv4 address by which tasks on other nodes reach those here, or the network interface that has it "
                   "(default: that of this machine towards the head). With --driver docker there is no default: it "
                   "lets groups over several nodes use the "
                   "host's network here")
      ->type_name("ADDRESS")
      ->transform(CLI::Validator(
          [](std::string& text) {
            auto found = node_address(text);
            if (!found)
              return found.failure().message;
            text = std::move(*found);
            return std::string{};
          },
          ""));
  add_share(*command, x.offers);
  add_gpus(*command, x.gpus);
  add_drivers(*command, x.drivers);
  command->add_option("--docker-host", x.docker_host, "The Docker daemon, with --driver docker")->type_name("HOST");
  command->add_option("--config", x.config_file, "Configuration file; its pool docker sets --driver docker")
      ->type_name("PATH");
  command->add_flag("--enforce-limits", x.enforce_limits,
                    "Hold each task to the memory and CPUs it asked for, by control groups; needs root or delegation");
  add_choice(*command, "--log-level", x.log_level, "What is logged (default: info)",
             {"debug", "info", "warn", "error", "off"});
  add_state_dir(*command, ctx);
  command->footer(
      "It stays until SIGTERM or Ctrl-C ends it, and joins again whenever the connection is lost. Tasks outlive\n"
      "it: the next start finds them. Its state directory is its own (default: ~/.local/state/muster-agent);\n"
      "the head's must be at the same path here.\n\n"
      "Example:\n  muster agent --head 127.0.0.1:7718 --token-file node.token --address 10.0.0.7");
  command->callback([&ctx, options] { ctx.action = [&ctx, options] { return run_agent(ctx, *options); }; });
}

} // namespace muster::cli
