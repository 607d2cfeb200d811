#include "cli/commands/commands.hpp"
#include "cli/commands/errors.hpp"
#include "cli/exit_code.hpp"
#include "cli/remote/answers.hpp"
#include "cli/remote/connection.hpp"

#include <CLI/CLI.hpp>

#include <iostream>
#include <memory>

namespace muster::cli {

namespace {

struct result_options {
  std::string id;
  std::string step;
  head_choice head;
};

int print_result(const context& ctx, const result_options& options) {
  auto head = find_reading_api(ctx, options.head);
  if (!head)
    return report(head.failure());
  const auto id = workflow_id(**head, options.id);
  if (!id)
    return report(id.why());
  client::request x;
  x.path = client::path_of({"workflows", *id, "result"});
  if (!options.step.empty())
    x.query = {{"step", options.step}};
  const auto got = (*head)->send(x);
  if (!got)
    return report(got.why());
  std::cout << got->body; // As it was written: numbers beyond 64 bits stay what they are.
  if (got->body.empty() || got->body.back() != '\n')
    std::cout << '\n';
  return exit_completed;
}

} // namespace

void add_result(CLI::App& app, context& ctx) {
  auto* command = app.add_subcommand("result", "Print the result of a workflow, or of one of its steps, as JSON");
  auto options = std::make_shared<result_options>();
  command->add_option("id", options->id, "A workflow's id, or 'last'")->type_name("ID")->required();
  command->add_option("step", options->step, "A task, element, foreach or nested workflow, such as train or train.3")
      ->type_name("STEP");
  add_head_choice(*command, options->head, ctx);
  command->footer("Of a foreach it is the list of what its elements gave, null for those without a result.\n\n"
                  "Example:\n  muster result last train.3");
  command->callback([&ctx, options] { ctx.action = [&ctx, options] { return print_result(ctx, *options); }; });
}

} // namespace muster::cli
