#include "muster/store/backup.hpp"

#include "cli/commands/commands.hpp"
#include "cli/commands/errors.hpp"
#include "cli/commands/listing.hpp"
#include "cli/exit_code.hpp"
#include "cli/terminal/text.hpp"

#include <CLI/CLI.hpp>

#include <iostream>
#include <memory>

/// Copies of the store.
namespace muster::cli {

namespace {

int tell(const char* what, const store::backup_summary& x, const std::string& file) {
  std::cout << file << ": " << what << " event " << x.at.value << ", " << show_bytes(static_cast<std::int64_t>(x.bytes))
            << '\n';
  return exit_completed;
}

int backup(const context& ctx, const std::string& file) {
  const auto directory = find_state_directory(ctx);
  if (!directory)
    return report(directory.failure());
  const auto done = store::backup(*directory, file);
  return done ? tell("everything up to", *done, file) : report(done.failure());
}

int restore(const context& ctx, const std::string& file) {
  const auto directory = find_state_directory(ctx);
  if (!directory)
    return report(directory.failure());
  const auto done = store::restore(file, *directory);
  return done ? tell("restored up to", *done, file) : report(done.failure());
}

} // namespace

void add_backup(CLI::App& app, context& ctx) {
  auto* command = app.add_subcommand("backup", "Copy the store of this machine into a file, also while a head works");
  auto file = std::make_shared<std::string>();
  command->add_option("file", *file, "What to write; must not exist")->type_name("FILE")->required();
  add_state_dir(*command, ctx);
  command->footer("Workflows, events, tokens and webhooks are in it; logs and outputs of tasks are not.\n\n"
                  "Example:\n  muster backup /backup/muster-$(date +%F).db");
  command->callback([&ctx, file] { ctx.action = [&ctx, file] { return backup(ctx, *file); }; });
}

void add_restore(CLI::App& app, context& ctx) {
  auto* command = app.add_subcommand("restore", "Make the store of a state directory out of a backup");
  auto file = std::make_shared<std::string>();
  command->add_option("file", *file, "What 'muster backup' wrote")->type_name("FILE")->required();
  add_state_dir(*command, ctx);
  command->footer("The directory must have no store, and no head may work there. Monitors begin anew.\n\n"
                  "Example:\n  muster restore /backup/muster-2026-11-21.db --state-dir /var/lib/muster");
  command->callback([&ctx, file] { ctx.action = [&ctx, file] { return restore(ctx, *file); }; });
}

} // namespace muster::cli
