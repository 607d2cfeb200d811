#include "cli/commands/commands.hpp"
#include "cli/commands/errors.hpp"
#include "cli/commands/listing.hpp"
#include "cli/commands/spec_input.hpp"
#include "cli/exit_code.hpp"
#include "cli/terminal/text.hpp"
#include "muster/plan/plan.hpp"
#include "muster/spec/flow.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <iostream>
#include <memory>

namespace muster::cli {

namespace {

struct validate_options {
  spec_input input;
  std::string output = "text";
};

nlohmann::ordered_json to_json(const spec::diagnostic& x) {
  return {{"severity", x.severity == spec::severity::error ? "error" : "warning"},
          {"file", x.file},
          {"line", x.line},
          {"column", x.column},
          {"rendered", x.rendered},
          {"field", x.field},
          {"message", x.message},
          {"hint", x.hint},
          {"source", x.source_line}};
}

nlohmann::ordered_json to_json(const spec::load_outcome& outcome) {
  auto diagnostics = nlohmann::ordered_json::array();
  for (const auto& x : outcome.errors)
    diagnostics.push_back(to_json(x));
  for (const auto& x : outcome.warnings)
    diagnostics.push_back(to_json(x));
  return {{"valid", outcome.ok()}, {"diagnostics", std::move(diagnostics)}};
}

void print_summary(const spec::workflow& workflow, const std::string& file) {
  if (workflow.flow) {
    // How many tasks there will be is known when it runs.
    std::cout << printable(file) << ": valid: workflow " << printable(workflow.name) << ", "
              << count_of(workflow.flow->steps.size(), "step") << '\n';
    return;
  }
  std::size_t tasks = 0;
  for (const auto& group : workflow.groups)
    tasks += group.tasks.size();
  std::cout << printable(file) << ": valid: workflow " << printable(workflow.name) << ", "
            << count_of(workflow.groups.size(), "group") << ", " << count_of(tasks, "task") << '\n';
}

int validate(const validate_options& options) {
  const auto spec = load(options.input);
  if (options.output == "json") {
    std::cout << dump(to_json(spec.outcome), 2) << '\n';
  } else {
    print_diagnostics(spec.outcome);
    if (spec.outcome.ok())
      print_summary(*spec.outcome.workflow, name_of(options.input));
  }
  return spec.outcome.ok() ? exit_completed : exit_error;
}

} // namespace

void add_validate(CLI::App& app, context& ctx) {
  auto* command = app.add_subcommand("validate", "Check a spec: exit code 0 if it is valid, 1 if not");
  auto options = std::make_shared<validate_options>();
  add_spec_input(*command, options->input);
  add_text_or_json(*command, options->output);
  command->footer("Example:\n  muster validate train.yaml --set epochs=3 --output json");
  command->callback([&ctx, options] { ctx.action = [options] { return validate(*options); }; });
}

} // namespace muster::cli
