#include "cli/commands/commands.hpp"
#include "cli/commands/errors.hpp"
#include "cli/commands/listing.hpp"
#include "cli/exit_code.hpp"
#include "cli/suggest.hpp"
#include "cli/terminal/table.hpp"
#include "gateway/client/http_client.hpp"
#include "muster/config/file.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <unistd.h>

/// The heads that a user talks to, in the user's own configuration file.
namespace muster::cli {

namespace {

struct context_options {
  std::string file;
  std::string name;
  std::string address;
  std::string token_file;
  std::string ca;
  list_format format = list_format::table;
};

const char* environment(const char* name) {
  return std::getenv(name);
}

/// The configuration as it is; says on stderr what is wrong with it.
std::optional<config::client_settings> read(const std::string& file) {
  auto outcome = config::load_user(file, environment);
  for (const auto& x : outcome.errors)
    std::cerr << spec::render(x);
  if (!outcome.ok())
    return std::nullopt;
  return std::move(outcome.value->client);
}

int write(const std::string& file, const config::client_settings& x) {
  const auto path = config::find_file(file, environment);
  if (!path)
    return report({ec::invalid_argument, "there is no place for a configuration file: set HOME, or give --config"});
  std::ostringstream text;
  if (std::ifstream in(path->path, std::ios::binary); in)
    text << in.rdbuf();
  const auto next = config::with_contexts(text.str(), x);
  // What would be written must be what was meant, whatever the file looked like.
  if (const auto check = config::load(next, path->path); !check.ok() || check.value->client.current != x.current)
    return report({ec::invalid_argument, path->path + " cannot be changed by this command: edit it by hand"});
  std::error_code problem;
  std::filesystem::create_directories(std::filesystem::path{path->path}.parent_path(), problem);
  const auto temporary = path->path + ".new";
  std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
  out << next;
  out.close();
  if (out)
    std::filesystem::rename(temporary, path->path, problem);
  if (!out || problem)
    return report({ec::io_error, "cannot write " + path->path});
  return exit_completed;
}

int list(const context_options& options) {
  const auto known = read(options.file);
  if (!known)
    return exit_error;
  table rows({"CONTEXT", "ADDRESS", "TOKEN FILE"}, style::for_descriptor(STDOUT_FILENO), std::cout);
  json_list objects(options.format);
  for (const auto& [name, x] : known->contexts) {
    if (options.format == list_format::name)
      std::cout << name << '\n';
    else if (options.format == list_format::table)
      rows.add({{name + (name == known->current ? " *" : "")}, {x.address}, {x.token_file.string()}});
    else
      objects.add({{"name", name},
                   {"address", x.address},
                   {"token_file", x.token_file.string()},
                   {"ca", x.ca.string()},
                   {"current", name == known->current}});
  }
  if (options.format == list_format::table)
    rows.flush();
  else
    objects.finish();
  return exit_completed;
}

error unknown_context(const std::string& name, const config::client_settings& known) {
  std::vector<std::string> names;
  for (const auto& [one, x] : known.contexts)
    names.push_back(one);
  return {ec::not_found, "there is no context '" + name + "'" + did_you_mean(name, names)};
}

int use(const context_options& options) {
  auto known = read(options.file);
  if (!known)
    return exit_error;
  if (known->contexts.count(options.name) == 0)
    return report(unknown_context(options.name, *known));
  known->current = options.name;
  return write(options.file, *known);
}

int set(const context_options& options) {
  auto known = read(options.file);
  if (!known)
    return exit_error;
  if (const auto good = client::http_client::make({options.address, {}, {}}); !good)
    return report_usage(good.failure().message);
  auto& x = known->contexts[options.name];
  const auto full = [](const std::string& path) {
    return path.empty() ? std::filesystem::path{} : std::filesystem::absolute(path);
  };
  x = {options.address, full(options.token_file), full(options.ca)};
  if (known->current.empty())
    known->current = options.name;
  return write(options.file, *known);
}

int remove(const context_options& options) {
  auto known = read(options.file);
  if (!known)
    return exit_error;
  if (known->contexts.erase(options.name) == 0)
    return report(unknown_context(options.name, *known));
  if (known->current == options.name)
    known->current.clear();
  return write(options.file, *known);
}

} // namespace

void add_context(CLI::App& app, context& ctx) {
  auto* command = app.add_subcommand("context", "Choose among the heads that commands speak to");
  command->require_subcommand(1);
  command->footer("Examples:\n  muster context set lab --address https://lab:7717 --token-file ~/lab.token\n"
                  "  muster context use lab");
  auto options = std::make_shared<context_options>();
  const auto add = [&](const char* name, const char* text, int (*action)(const context_options&)) {
    auto* one = command->add_subcommand(name, text);
    one->add_option("--config", options->file, "The file (default: ~/.config/muster/config.yaml)")->type_name("PATH");
    one->callback([&ctx, options, action] { ctx.action = [options, action] { return action(*options); }; });
    one->footer(std::string{"Example:\n  muster context "} + name + (std::string_view{name} == "ls" ? "" : " lab"));
    return one;
  };
  const auto named = [&](CLI::App* one) {
    one->add_option("name", options->name, "Its name")->type_name("CONTEXT")->required();
  };
  add_list_format(*add("ls", "List them; * marks the one in use", list), options->format, nullptr);
  named(add("use", "Speak to this one from now on", use));
  named(add("rm", "Forget one", remove));
  auto* make = add("set", "Add one, or change it", set);
  named(make);
  make->add_option("--address", options->address, "The head, such as https://lab:7717")->type_name("URL")->required();
  make->add_option("--token-file", options->token_file, "File with the token for it")->type_name("PATH");
  make->add_option("--ca", options->ca, "Who signs its certificate, PEM (default: as the system trusts)")
      ->type_name("PATH");
  make->footer("Example:\n  muster context set lab --address https://lab:7717 --token-file ~/lab.token");
}

} // namespace muster::cli
