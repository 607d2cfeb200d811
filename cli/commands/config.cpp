#include "cli/commands/commands.hpp"
#include "cli/commands/errors.hpp"
#include "cli/exit_code.hpp"
#include "muster/config/file.hpp"

#include <CLI/CLI.hpp>

#include <cstdlib>
#include <iostream>
#include <memory>

namespace muster::cli {

namespace {

const char* environment(const char* name) {
  return std::getenv(name);
}

/// The file that counts, read; says on stderr what is wrong with it.
std::optional<config::configuration> read(const std::string& named) {
  auto outcome = config::load_user(named, environment);
  for (const auto& x : outcome.errors)
    std::cerr << spec::render(x);
  return std::move(outcome.value);
}

int check(const std::string& named) {
  const auto file = config::find_file(named, environment);
  if (!read(named))
    return exit_error;
  std::error_code ignored;
  if (file && std::filesystem::exists(file->path, ignored))
    std::cout << file->path << " is in order\n";
  else
    std::cout << "there is no configuration file" << (file ? " at " + file->path : "") << "; the defaults apply\n";
  return exit_completed;
}

int show(const std::string& named) {
  const auto known = read(named);
  if (!known)
    return exit_error;
  std::cout << to_yaml(known->service) << to_yaml(known->pools) << config::with_contexts({}, known->client);
  return exit_completed;
}

} // namespace

void add_config(CLI::App& app, context& ctx) {
  auto* command = app.add_subcommand("config", "Check or show the configuration file");
  command->require_subcommand(1);
  auto file = std::make_shared<std::string>();
  const auto add = [&](const char* name, const char* text, int (*action)(const std::string&), const char* footer) {
    auto* one = command->add_subcommand(name, text);
    one->add_option("--config", *file, "The file (default: MUSTER_CONFIG, else ~/.config/muster/config.yaml)")
        ->type_name("PATH");
    one->add_option("file", *file, "The same")->type_name("PATH")->excludes("--config");
    one->footer(footer);
    one->callback([&ctx, file, action] { ctx.action = [file, action] { return action(*file); }; });
  };
  add("check", "Say what is wrong with it, with line and column", check,
      "Example:\n  muster config check /etc/muster/muster.yaml");
  add("show", "Print what is in effect, defaults included", show, "Example:\n  muster config show");
}

} // namespace muster::cli
