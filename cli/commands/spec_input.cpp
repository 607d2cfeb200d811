#include "cli/commands/spec_input.hpp"

#include "cli/suggest.hpp"

#include <CLI/CLI.hpp>

#include <iostream>
#include <unistd.h>

namespace muster::cli {

namespace {

constexpr std::size_t longest_spec = 64 * 1024 * 1024;

spec::load_outcome refuse(std::string file, std::string message) {
  spec::diagnostic problem;
  problem.file = std::move(file);
  problem.message = std::move(message);
  spec::load_outcome outcome;
  outcome.errors.push_back(std::move(problem));
  return outcome;
}

spec::load_options options_of(const spec_input& input, const read_spec& into) {
  spec::load_options options;
  options.files_read = into.files;
  options.profile = input.profile;
  options.set = input.set;
  options.set_string = input.set_string;
  options.set_env = input.set_env;
  options.parameters_file = input.parameters;
  return options;
}

read_spec load_stdin(const spec_input& input) {
  read_spec x;
  std::string buffer(64 * 1024, '\0');
  while (true) {
    const auto got = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      break;
    x.text.append(buffer, 0, static_cast<std::size_t>(got));
    if (x.text.size() > longest_spec) {
      x.outcome = refuse(name_of(input), "the spec is larger than 64 MiB");
      return x;
    }
  }
  auto options = options_of(input, x);
  options.file_name = name_of(input);
  x.outcome = spec::load(x.text, options);
  return x;
}

} // namespace

void add_spec_input(CLI::App& command, spec_input& input) {
  command.add_option("file", input.file, "The spec; '-' reads it from stdin")->type_name("FILE")->required();
  command
      .add_option_function<std::string>(
          "--profile",
          [&input](const std::string& name) {
            input.profile = name == "osmo" ? spec::profile::osmo : spec::profile::muster;
          },
          "Whose rules it is held to (default: muster)")
      ->type_name("muster|osmo")
      ->check([](const std::string& name) {
        return name == "muster" || name == "osmo"
                   ? std::string{}
                   : "unknown profile '" + name + "'" + did_you_mean_or_known(name, {"muster", "osmo"});
      });
  const auto pairs = [&command](const char* name, std::vector<std::string>& into, const char* text) {
    command.add_option(name, into, text)
        ->type_name("NAME=VALUE")
        ->allow_extra_args(false)
        ->check([](const std::string& x) {
          return x.find('=') == std::string::npos || x[0] == '=' ? "'" + x + "' is not NAME=VALUE" : std::string{};
        });
  };
  pairs("--set", input.set, "Set a parameter or template value: a number if it looks like one");
  pairs("--set-string", input.set_string, "Set a parameter or template value, as text");
  pairs("--set-env", input.set_env, "Set an environment variable of every task");
  command.add_option("--parameters", input.parameters, "A YAML or JSON file of values for the spec's parameters")
      ->type_name("FILE");
}

std::string name_of(const spec_input& input) {
  return input.file == "-" ? "<stdin>" : input.file;
}

read_spec load(const spec_input& input) {
  if (input.file == "-")
    return load_stdin(input);
  read_spec x;
  x.outcome = spec::load_file(input.file, options_of(input, x));
  x.text = std::move(x.outcome.source);
  return x;
}

void print_diagnostics(const spec::load_outcome& outcome) {
  for (const auto& x : outcome.warnings)
    std::cerr << spec::render(x);
  for (const auto& x : outcome.errors)
    std::cerr << spec::render(x);
  std::cerr.flush();
}

} // namespace muster::cli
