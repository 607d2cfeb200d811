#include "cli/commands/commands.hpp"
#include "cli/commands/errors.hpp"
#include "cli/commands/listing.hpp"
#include "cli/exit_code.hpp"
#include "cli/serve/head.hpp"
#include "muster/config/file.hpp"

#include <CLI/CLI.hpp>

#include <cstdlib>
#include <iostream>
#include <memory>

namespace muster::cli {

namespace {

struct serve_options {
  std::string config_file;
  std::string listen;
  std::string log_level;
  bool no_auth = false;
  head_options head;
};

/// The file with what the command line says over it; else everything that is wrong, a line each.
result<config::configuration> read(const context& ctx, const serve_options& options) {
  auto read = config::load_user(options.config_file, [](const char* name) { return std::getenv(name); });
  if (!read.ok()) {
    std::string all;
    for (const auto& x : read.errors)
      all += spec::render(x);
    return {ec::invalid_argument, all};
  }
  auto out = std::move(*read.value);
  auto& x = out.service;
  if (!options.listen.empty())
    x.server.listen = options.listen;
  if (!options.log_level.empty())
    x.log.level = *log::parse_level(options.log_level);
  if (options.no_auth)
    x.server.auth = config::auth_mode::none;
  if (!ctx.state_dir.empty())
    x.state_dir = ctx.state_dir;
  if (const auto at = config::parse_listen(x.server.listen);
      at && x.server.auth == config::auth_mode::none && !at->is_loopback())
    return {ec::invalid_argument, "muster: without tokens a head listens on loopback only, and " + x.server.listen +
                                      " is not; leave out --no-auth, or listen at 127.0.0.1\n"};
  return out;
}

int serve(context ctx, const serve_options& options) {
  const auto known = read(ctx, options);
  if (!known) {
    std::cerr << known.failure().message;
    return exit_error;
  }
  ctx.state_dir = known->service.state_dir.string();
  const auto directory = find_state_directory(ctx);
  if (!directory)
    return report(directory.failure());
  const reread again = [ctx, options] { return read(ctx, options); };
  return run_head(*known, *directory, options.head, again);
}

} // namespace

void add_serve(CLI::App& app, context& ctx) {
  auto* command = app.add_subcommand("serve", "Run the head: take submissions over HTTP, for as long as it lives");
  auto options = std::make_shared<serve_options>();
  command->add_option("--config", options->config_file, "Configuration file (default: ~/.config/muster/config.yaml)")
      ->type_name("PATH");
  command->add_option("--listen", options->listen, "Address and port (default: 127.0.0.1:7717); port 0: any free one")
      ->type_name("ADDRESS:PORT")
      ->check([](const std::string& text) {
        const auto at = config::parse_listen(text);
        return at ? std::string{} : at.failure().message;
      });
  command
      ->add_option(
          "--pool", options->head.pools,
          "Serve this pool only; may be repeated (default: local, and all of the configuration and made since)")
      ->type_name("NAME")
      ->allow_extra_args(false);
  add_choice(*command, "--log-level", options->log_level, "What is logged (default: info)",
             {"debug", "info", "warn", "error", "off"});
  command->add_flag("--no-auth", options->no_auth, "Ask for no tokens; on loopback only");
  command->add_flag("--stop-tasks", options->head.stop_tasks, "Cancel what runs when it is stopped");
  add_state_dir(*command, ctx);
  command->footer("SIGTERM or Ctrl-C stops it; tasks go on and are taken over by the next start. SIGHUP reads the\n"
                  "configuration and certificates again.\n\n"
                  "Example:\n  muster serve --config /etc/muster/muster.yaml --listen 127.0.0.1:7717");
  command->callback([&ctx, options] { ctx.action = [&ctx, options] { return serve(ctx, *options); }; });
}

} // namespace muster::cli
