#include "cli/commands/commands.hpp"
#include "cli/commands/errors.hpp"
#include "cli/commands/listing.hpp"
#include "cli/commands/local_run.hpp"
#include "cli/commands/spec_input.hpp"
#include "cli/exit_code.hpp"
#include "cli/remote/head_use.hpp"
#include "cli/remote/remote_run.hpp"
#include "cli/remote/submission.hpp"
#include "cli/serve/head_file.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <memory>

namespace muster::cli {

namespace {

struct run_options {
  spec_input input;
  local_options local;
  std::string priority; ///< Empty: nobody named one.
  head_use head;
};

/// What is kept of the command line beside the workflow.
std::string options_as_json(const run_options& x) {
  auto all = to_json(x.local);
  all["file"] = x.input.file;
  all["set"] = x.input.set;
  all["set_string"] = x.input.set_string;
  all["set_env"] = x.input.set_env;
  if (!x.input.parameters.empty())
    all["parameters"] = std::filesystem::absolute(x.input.parameters).string();
  return dump(all);
}

int run_with_head(const context& ctx, const run_options& options) {
  submit_extras extras;
  extras.pool = config::pool_name(options.local.pool);
  extras.no_cache = options.local.no_cache;
  extras.priority = options.priority;
  const give begin = [&](client::api& head) -> given_workflow {
    auto done = submit_to(head, options.input, extras);
    return {done.answer ? done.id : std::string{}, done.code};
  };
  return run_on_head(ctx, options.head,
                     {options.local.output, options.local.timeout, options.local.quiet, options.head.detach}, begin);
}

int run(const context& ctx, const CLI::App& command, run_options options) {
  const auto head = choose_head(ctx, command, options.head);
  if (!head)
    return report_usage(head.failure().message);
  if (*head)
    return run_with_head(ctx, options);
  const auto known = read_configuration(options.local);
  if (!known)
    return exit_error;
  auto empty_store = make_store_if_missing(ctx); // That takes about as long as to read the spec.
  auto spec = load(options.input);
  print_diagnostics(spec.outcome);
  if (!spec.outcome.ok())
    return exit_error;
  auto pool = choose_pool(options.local, *known, *spec.outcome.workflow);
  if (!pool)
    return refuse_pool(pool.failure());
  options.local.pool = pool->name;
  const auto begin = [&](runtime& engine) {
    submission_info info{std::move(spec.text), std::string{to_string(options.input.profile)}, options_as_json(options)};
    info.priority = parse_priority(options.priority).value_or(gang_priority::normal);
    return engine.submit(*spec.outcome.workflow, std::move(info));
  };
  return run_locally(ctx, options.local, std::move(*pool), begin, std::move(empty_store));
}

int resume(const context& ctx, const std::string& id, const CLI::App& command, local_options options) {
  const auto directory = find_state_directory(ctx);
  if (!directory)
    return report(directory.failure());
  // Asked first, as a reader: a wrong id should not wake the warden or wait for the lock.
  auto reader = store::reader::open(*directory);
  if (!reader)
    return report(reader.failure());
  const auto workflow = find_workflow(*reader, id);
  if (!workflow)
    return report(workflow.failure());
  if (is_finished(workflow->status))
    return report({ec::conflict, workflow->id + " is " + std::string{to_string(workflow->status)} +
                                     ": there is nothing to be taken up; to run once more what failed: muster retry " +
                                     workflow->id});
  if (const auto head = find_head(*directory))
    return report({ec::conflict, "the head at " + head->address + " (process " + std::to_string(head->pid) +
                                     ") is at work on " + directory->root().string() + ", and takes up " +
                                     workflow->id + " by itself; to wait for its end: muster wait " + workflow->id});
  take_stored(nlohmann::json::parse(workflow->options, nullptr, false), command, options);
  const auto known = read_configuration(options);
  if (!known)
    return exit_error;
  auto pool = choose_pool(options, *known);
  if (!pool)
    return refuse_pool(pool.failure());
  return run_locally(ctx, options, std::move(*pool), [&](runtime& engine) { return engine.resume(workflow->id); });
}

} // namespace

void add_run(CLI::App& app, context& ctx) {
  auto* command = app.add_subcommand("run", "Run a spec, on this machine or by a head, and wait for its end");
  auto options = std::make_shared<run_options>();
  add_spec_input(*command, options->input);
  add_priority(*command, options->priority);
  add_local_options(*command, options->local);
  add_state_dir(*command, ctx);
  add_head_use(*command, options->head, ctx);
  command->footer(
      "With a head (--address, a context, or one at work on the state directory) it is handed to that one and\n"
      "shown until its end. Ctrl-C cancels the workflow, a second one kills its tasks.\n\n"
      "Example:\n  muster run train.yaml --set epochs=3 --max-parallel 4 --timeout 1h");
  command->callback([&ctx, command, options] {
    ctx.reader_may_go = true;
    ctx.action = [&ctx, command, options] { return run(ctx, *command, *options); };
  });
}

void add_resume(CLI::App& app, context& ctx) {
  auto* command = app.add_subcommand("resume", "Take up a workflow that was interrupted, and wait for its end");
  auto options = std::make_shared<std::pair<std::string, local_options>>();
  command->add_option("id", options->first, "A workflow's id, or 'last'")->type_name("ID")->required();
  add_local_options(*command, options->second);
  add_state_dir(*command, ctx);
  command->footer(
      "Tasks that went on meanwhile are taken over, not started again. Options that are not given are those of\n"
      "the run that was interrupted; its --timeout counts anew.\n\n"
      "Example:\n  muster resume last");
  command->callback([&ctx, command, options] {
    ctx.reader_may_go = true;
    ctx.action = [&ctx, command, options] { return resume(ctx, options->first, *command, options->second); };
  });
}

} // namespace muster::cli
