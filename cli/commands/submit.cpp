#include "cli/commands/commands.hpp"
#include "cli/commands/errors.hpp"
#include "cli/commands/spec_input.hpp"
#include "cli/exit_code.hpp"
#include "cli/remote/answers.hpp"
#include "cli/remote/connection.hpp"
#include "cli/remote/submission.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <iostream>
#include <memory>

namespace muster::cli {

namespace {

struct submit_options {
  spec_input input;
  submit_extras extras;
  head_choice head;
  std::string format = "text";
};

int submit(const context& ctx, const submit_options& options) {
  auto head = require_head(ctx, options.head);
  if (!head)
    return report_no_head(head.failure());
  const auto accepted = submit_to(**head, options.input, options.extras);
  if (!accepted.answer)
    return accepted.code;
  if (options.format == "json")
    std::cout << dump(*accepted.answer, 1) << '\n';
  else
    std::cout << accepted.id << '\n';
  return exit_completed;
}

} // namespace

void add_submit(CLI::App& app, context& ctx) {
  auto* command = app.add_subcommand("submit", "Hand a spec to a head, and return at once");
  auto options = std::make_shared<submit_options>();
  add_spec_input(*command, options->input);
  add_submit_extras(*command, options->extras);
  add_text_or_json(*command, options->format);
  add_head_choice(*command, options->head, ctx);
  command->footer("Prints the id of the workflow. Files that the spec names by `localpath` are sent along.\n\n"
                  "Example:\n  muster submit train.yaml --set epochs=3 --label team=robots");
  command->callback([&ctx, options] { ctx.action = [&ctx, options] { return submit(ctx, *options); }; });
}

} // namespace muster::cli
