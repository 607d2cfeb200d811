#include "cli/commands/commands.hpp"
#include "cli/commands/errors.hpp"
#include "cli/exit_code.hpp"
#include "cli/remote/answers.hpp"
#include "cli/remote/connection.hpp"
#include "cli/remote/submission.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <iostream>
#include <memory>
#include <unistd.h>

/// Commands that ask a head to change a workflow.
namespace muster::cli {

namespace {

using json = nlohmann::ordered_json;

struct action_options {
  std::vector<std::string> ids;
  std::string message;
  bool force = false;
  bool yes = false;
  head_choice head;
};

/// Does the same to all ids; the first failure decides the exit code. `instead`: what to do where there is no head.
template <class Action>
int for_each_id(const context& ctx, const action_options& options, Action action, const char* instead = nullptr) {
  auto head = require_head(ctx, options.head);
  if (!head) {
    const int code = report_no_head(head.failure());
    if (instead != nullptr)
      std::cerr << "muster: " << instead << '\n';
    return code;
  }
  int code = exit_completed;
  for (const auto& name : options.ids) {
    const auto id = workflow_id(**head, name);
    const int one = id ? action(**head, *id) : report(id.why());
    if (code == exit_completed)
      code = one;
  }
  return code;
}

int cancel(client::api& head, const std::string& id, const action_options& options) {
  json body = json::object();
  if (!options.message.empty())
    body["message"] = options.message;
  if (options.force)
    body["force"] = true;
  // A second cancel is the same cancel.
  const auto done = send_json(head, "POST", client::path_of({"workflows", id, "cancel"}), body, true);
  if (!done)
    return report(done.why());
  const auto now = get_json(head, client::path_of({"workflows", id}));
  if (const auto why = now ? text_of(*now, "held") : std::string{}; !why.empty())
    std::cout << id << " is to be canceled as soon as somebody runs it: " << why << '\n';
  else
    std::cout << id << " is being canceled\n";
  return exit_completed;
}

int restart(client::api& head, const std::string& id) {
  const auto done = send_json(head, "POST", client::path_of({"workflows", id, "restart"}), json::object());
  if (!done)
    return report(done.why());
  std::cout << text_of(*done, "id") << '\n';
  return exit_completed;
}

int remove(client::api& head, const std::string& id) {
  const auto done = send_json(head, "DELETE", client::path_of({"workflows", id}), nullptr, true);
  if (!done)
    return report(done.why());
  std::cout << id << " is deleted\n";
  return exit_completed;
}

/// Whether somebody at the terminal says yes.
bool confirmed(const std::vector<std::string>& ids) {
  std::cerr << "delete " << (ids.size() == 1 ? ids.front() : std::to_string(ids.size()) + " workflows")
            << " with logs and outputs? [y/N] " << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

CLI::App* add_action(CLI::App& app, context& ctx, const char* name, const char* text,
                     const std::shared_ptr<action_options>& options) {
  auto* command = app.add_subcommand(name, text);
  command->add_option("id", options->ids, "Ids of workflows, or 'last'")->type_name("ID")->required();
  add_head_choice(*command, options->head, ctx);
  return command;
}

} // namespace

void add_cancel(CLI::App& app, context& ctx) {
  auto options = std::make_shared<action_options>();
  auto* command = add_action(app, ctx, "cancel", "End workflows that a head runs", options);
  command->add_option("-m,--message", options->message, "Why, for who looks at it later")->type_name("TEXT");
  command->add_flag("--force", options->force, "Kill their tasks, without time to end by themselves");
  command->footer("Example:\n  muster cancel fan-3 --message 'wrong data'");
  command->callback([&ctx, options] {
    ctx.action = [&ctx, options] {
      return for_each_id(
          ctx, *options, [&](client::api& head, const std::string& id) { return cancel(head, id, *options); },
          "what a `muster run` runs is canceled there: by Ctrl-C, or a SIGTERM to it; if that was interrupted, once "
          "`muster resume` has taken it up");
    };
  });
}

void add_restart(CLI::App& app, context& ctx) {
  auto options = std::make_shared<action_options>();
  auto* command = add_action(app, ctx, "restart", "Submit the spec of earlier workflows again, as new ones", options);
  command->footer("Prints the new ids. To run once more only what failed, under the same id: muster retry.\n\n"
                  "Example:\n  muster restart fan-3");
  command->callback([&ctx, options] { ctx.action = [&ctx, options] { return for_each_id(ctx, *options, restart); }; });
}

void add_delete(CLI::App& app, context& ctx) {
  auto options = std::make_shared<action_options>();
  auto* command = add_action(app, ctx, "delete", "Remove finished workflows with their logs and outputs", options);
  command->add_flag("-y,--yes", options->yes, "Do not ask");
  command->footer("Example:\n  muster delete fan-3 fan-4 --yes");
  command->callback([&ctx, options] {
    ctx.action = [&ctx, options]() -> int {
      if (!options->yes && ::isatty(STDIN_FILENO) == 0)
        return report_usage("nobody is there to be asked: say --yes");
      if (!options->yes && !confirmed(options->ids))
        return exit_error;
      return for_each_id(ctx, *options, remove);
    };
  });
}

} // namespace muster::cli
