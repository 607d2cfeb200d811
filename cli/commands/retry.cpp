#include "cli/commands/commands.hpp"
#include "cli/commands/errors.hpp"
#include "cli/commands/listing.hpp"
#include "cli/commands/local_run.hpp"
#include "cli/commands/spec_input.hpp"
#include "cli/exit_code.hpp"
#include "cli/remote/answers.hpp"
#include "cli/remote/head_use.hpp"
#include "cli/remote/remote_run.hpp"
#include "muster/flow/difference.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <iostream>
#include <memory>

namespace muster::cli {

namespace {

struct retry_options {
  std::string id;
  retry_request request;
  bool only_failed = false;
  std::string spec; ///< File to compare with; empty for none.
  local_options local;
  head_use head;
};

/// How the spec was read when it was submitted.
spec_input input_as_submitted(const nlohmann::json& stored, const store::workflow_record& workflow,
                              const std::string& file) {
  spec_input x;
  x.file = file;
  x.profile = workflow.profile == "osmo" ? spec::profile::osmo : spec::profile::muster;
  const auto take = [&stored](const char* name, auto& into) {
    if (const auto found = stored.find(name); found != stored.end())
      found->get_to(into);
  };
  try {
    if (stored.is_object()) {
      take("set", x.set);
      take("set_string", x.set_string);
      take("set_env", x.set_env);
      take("parameters", x.parameters);
    }
  } catch (const nlohmann::json::exception&) {
    // Of a version that kept it otherwise: what differs by that is shown.
  }
  return x;
}

/// Whether the spec in the file is what was submitted; says on stderr what is not.
std::optional<int> compare_spec(store::reader& reader, const store::workflow_record& workflow,
                                const nlohmann::json& stored, const std::string& file) {
  constexpr std::size_t most = 40;
  const auto now = load(input_as_submitted(stored, workflow, file));
  print_diagnostics(now.outcome);
  if (!now.outcome.ok())
    return exit_error;
  const auto before = submitted_outline(reader, workflow.id);
  if (!before)
    return report(before.failure());
  const auto after = flow::outline(*now.outcome.workflow);
  if (!after)
    return report(after.failure());
  const auto changes = flow::differences(*before, *after, most);
  if (changes.empty())
    return std::nullopt;
  std::cerr << "muster: " << file << " is not what " << workflow.id << " was submitted as:\n";
  for (const auto& x : changes)
    std::cerr << "  " << x << '\n';
  std::cerr << "muster: a retry runs the plan that was submitted; run the changed spec with 'muster run " << file
            << "', or retry without --spec\n";
  return exit_error;
}

int retry_with_head(const context& ctx, const retry_options& options) {
  const give begin = [&](client::api& head) -> given_workflow {
    const auto id = workflow_id(head, options.id);
    if (!id)
      return {{}, report(id.why())};
    nlohmann::ordered_json body = nlohmann::ordered_json::object();
    if (!options.request.from.empty())
      body["from"] = options.request.from;
    const auto done = send_json(head, "POST", client::path_of({"workflows", *id, "retry"}), body);
    return done ? given_workflow{*id, 0} : given_workflow{{}, report(done.why())};
  };
  return run_on_head(ctx, options.head,
                     {options.local.output, options.local.timeout, options.local.quiet, options.head.detach}, begin);
}

int retry(const context& ctx, const CLI::App& command, retry_options options) {
  if (options.only_failed && !options.request.from.empty())
    return report_usage("--only-failed and --from exclude each other: --from STEP also runs what completed");
  const auto head = choose_head(ctx, command, options.head);
  if (!head)
    return report_usage(head.failure().message);
  if (*head)
    return retry_with_head(ctx, options);
  const auto directory = find_state_directory(ctx);
  if (!directory)
    return report(directory.failure());
  // Asked first, as a reader: a wrong id should not wake the warden or wait for the lock.
  auto reader = store::reader::open(*directory);
  if (!reader)
    return report(reader.failure());
  const auto workflow = find_workflow(*reader, options.id);
  if (!workflow)
    return report(workflow.failure());
  const auto stored = nlohmann::json::parse(workflow->options, nullptr, false);
  if (const auto count = count_tasks_to_retry(*reader, workflow->id, options.request); !count)
    return report(count.failure());
  if (!options.spec.empty())
    if (const auto refused = compare_spec(*reader, *workflow, stored, options.spec))
      return *refused;
  take_stored(stored, command, options.local);
  const auto known = read_configuration(options.local);
  if (!known)
    return exit_error;
  auto pool = choose_pool(options.local, *known);
  if (!pool)
    return refuse_pool(pool.failure());
  return run_locally(ctx, options.local, std::move(*pool),
                     [&](runtime& engine) { return engine.retry(workflow->id, options.request); });
}

} // namespace

void add_retry(CLI::App& app, context& ctx) {
  auto* command = app.add_subcommand("retry", "Run once more what did not complete of a finished workflow");
  auto options = std::make_shared<retry_options>();
  command->add_option("id", options->id, "A workflow's id, or 'last'")->type_name("ID")->required();
  command->add_option("--from", options->request.from, "Run this step and all that depends on it once more, too")
      ->type_name("STEP")
      ->check([](const std::string& x) { return x.empty() ? "expected the name of a step" : ""; });
  command->add_flag("--only-failed", options->only_failed, "Only what did not complete; this is what happens anyway");
  command
      ->add_option("--spec", options->spec, "Refuse, and show what is different, if this file is another spec by now")
      ->type_name("PATH");
  add_local_options(*command, options->local);
  add_state_dir(*command, ctx);
  add_head_use(*command, options->head, ctx);
  command->footer(
      "What completed stays, also elements of a foreach one by one; attempts are numbered on. Options that are not\n"
      "given are those of the run before.\n\n"
      "Examples:\n  muster retry last\n  muster retry sweep-3 --from train.2 --max-parallel 4");
  command->callback([&ctx, command, options] {
    ctx.reader_may_go = true;
    ctx.action = [&ctx, command, options] { return retry(ctx, *command, *options); };
  });
}

} // namespace muster::cli
