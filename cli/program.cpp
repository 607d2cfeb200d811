#include "cli/program.hpp"

#include "cli/commands/commands.hpp"
#include "cli/exit_code.hpp"
#include "cli/suggest.hpp"

#include <CLI/CLI.hpp>

#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include <poll.h>
#include <unistd.h>

namespace muster::cli {

namespace {

constexpr const char* exit_code_text =
    "Exit codes:\n"
    "  0 completed      1 error         2 wrong usage   3 workflow failed\n"
    "  4 not found      5 conflict      6 no permission 7 head not reached\n"
    "  8 timeout        130 interrupted\n\n"
    "Environment:\n"
    "  MUSTER_STATE_DIR  where workflows, their logs and outputs are kept\n"
    "  MUSTER_ADDRESS    the head that commands speak to, see also 'muster context'\n"
    "  MUSTER_TOKEN_FILE the file with the token for it\n"
    "  MUSTER_CONFIG     the configuration file: which pools there are\n"
    "  MUSTER_GPU_LOCKS  where agents settle which of them offers a GPU (default: /run/lock)\n"
    "  DOCKER_HOST       the Docker daemon, as for the docker command\n"
    "  NO_COLOR          when set, no colours\n\n"
    "Example:\n"
    "  muster run examples/group_communication.yaml";

/// The command that the user got as far as naming.
const CLI::App& deepest(const CLI::App& app) {
  const auto chosen = app.get_subcommands();
  return chosen.empty() ? app : deepest(*chosen.front());
}

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; }))
    if (command->get_name().rfind("__", 0) != 0)
      names.push_back(command->get_name());
  return names;
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* option : app.get_options()) {
    for (const auto& name : option->get_lnames())
      names.push_back("--" + name);
    for (const auto& name : option->get_snames())
      names.push_back("-" + name);
  }
  return names;
}

/// What is wrong with the first word that no command takes.
std::string unexpected(const CLI::App& app, const CLI::App& command, const std::string& word) {
  if (word.size() > 1 && word[0] == '-') {
    const auto name = word.substr(0, word.find('='));
    return "unknown option '" + name + "'" + did_you_mean(name, option_names(command));
  }
  if (const auto names = command_names(command); !names.empty()) {
    auto known = names;
    if (&command == &app) // Too many to be listed; and `help` is one of the options here.
      for (const auto& name : option_names(app))
        known.push_back(name);
    return "unknown command '" + word + "'" +
           (&command == &app ? did_you_mean(word, known) : did_you_mean_or_known(word, names));
  }
  return "unexpected argument '" + word + "'" +
         (word.find('=') == std::string::npos ? "" : "; to give several values, repeat the option");
}

/// As a user types it: `muster token create`.
std::string full_name(const CLI::App& command) {
  const auto* parent = command.get_parent();
  return parent == nullptr ? std::string("muster") : full_name(*parent) + ' ' + command.get_name();
}

/// Whether stdout leads to a pipe, a socket or a terminal whose other end is gone.
bool is_reader_gone() {
  pollfd out{STDOUT_FILENO, POLLOUT, 0};
  return ::poll(&out, 1, 0) == 1 && (out.revents & (POLLERR | POLLHUP)) != 0;
}

int report_misuse(const CLI::App& app, const CLI::ParseError& problem) {
  const auto& command = deepest(app);
  const auto extra = app.remaining(true);
  const auto name = full_name(command);
  const auto text = extra.empty() ? std::string(problem.what()) : unexpected(app, command, extra.front());
  std::cerr << name << ": " << text << "\nSee '" << name << " --help'.\n";
  return exit_usage;
}

int parse_and_run(CLI::App& app, context& ctx, int argc, char* argv[]) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& request) {
    return app.exit(request, std::cout, std::cerr);
  } catch (const CLI::CallForAllHelp& request) {
    return app.exit(request, std::cout, std::cerr);
  } catch (const CLI::CallForVersion& request) {
    return app.exit(request, std::cout, std::cerr);
  } catch (const CLI::ParseError& problem) {
    return report_misuse(app, problem);
  }
  return ctx.action ? ctx.action() : exit_usage;
}

} // namespace

int run_program(int argc, char* argv[]) {
  std::ios::sync_with_stdio(false);
  try {
    CLI::App app{"Runs workflows of tasks: places groups as a whole, starts "
                 "them together, carries their data.",
                 "muster"};
    context ctx;
    app.set_version_flag("--version", "muster " MUSTER_VERSION);
    app.add_option("--state-dir", ctx.state_dir, "State directory")->type_name("DIR");
    app.get_formatter()->column_width(34);
    app.footer(exit_code_text);
    app.require_subcommand(1);
    add_run(app, ctx);
    add_resume(app, ctx);
    add_retry(app, ctx);
    add_validate(app, ctx);
    add_plan(app, ctx);
    add_ls(app, ctx);
    add_show(app, ctx);
    add_result(app, ctx);
    add_timeline(app, ctx);
    add_explain(app, ctx);
    add_logs(app, ctx);
    add_events(app, ctx);
    add_submit(app, ctx);
    add_wait(app, ctx);
    add_cancel(app, ctx);
    add_restart(app, ctx);
    add_delete(app, ctx);
    add_serve(app, ctx);
    add_agent(app, ctx);
    add_ca(app, ctx);
    add_top(app, ctx);
    add_backup(app, ctx);
    add_restore(app, ctx);
    add_pool(app, ctx);
    add_node(app, ctx);
    add_token(app, ctx);
    add_webhook(app, ctx);
    add_context(app, ctx);
    add_config(app, ctx);
    add_completion(app, ctx);
    const int code = parse_and_run(app, ctx, argc, argv);
    if (!std::cout.flush() && code == exit_completed && !(ctx.reader_may_go && is_reader_gone())) {
      std::cerr << "muster: cannot write to stdout\n";
      return exit_error;
    }
    return code;
  } catch (const std::exception& problem) {
    std::cerr << "muster: internal error: " << problem.what() << '\n';
    return exit_error;
  }
}

} // namespace muster::cli
