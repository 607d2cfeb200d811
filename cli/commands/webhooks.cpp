#include "cli/commands/commands.hpp"
#include "cli/commands/errors.hpp"
#include "cli/exit_code.hpp"
#include "cli/remote/answers.hpp"
#include "cli/remote/connection.hpp"
#include "cli/remote/submission.hpp"
#include "cli/terminal/text.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <iostream>
#include <memory>

/// Webhooks of a head.
namespace muster::cli {

namespace {

using json = nlohmann::ordered_json;

struct webhook_options {
  std::string id;
  std::string url;
  std::vector<std::string> types;
  std::string workflow;
  list_format format = list_format::table;
  bool wide = false;
  head_choice head;
};

item_view webhook_view() {
  item_view x;
  x.header = {"ID", "URL", "STATE", "CURSOR", "FAILURES", "LAST"};
  x.wide_header = {"USER", "REASON"};
  x.cells = [](const json& w) -> std::vector<cell> {
    const auto state = text_of(w, "state");
    return {{text_of(w, "id")},     {text_of(w, "url")},      {state, state == "active" ? tone::good : tone::bad},
            {text_of(w, "cursor")}, {text_of(w, "failures")}, {text_of(w, "last_outcome")}};
  };
  x.wide_cells = [](const json& w) -> std::vector<cell> { return {{text_of(w, "user")}, {text_of(w, "reason")}}; };
  return x;
}

/// Runs `action` with the head that is meant.
template <class Action>
int with_head(const context& ctx, const webhook_options& options, Action action) {
  auto head = require_head(ctx, options.head);
  return head ? action(**head) : report_no_head(head.failure());
}

int create(client::api& head, const webhook_options& options) {
  json body{{"url", options.url}};
  json filter = json::object();
  if (!options.types.empty())
    filter["types"] = options.types;
  if (!options.workflow.empty())
    filter["workflow"] = options.workflow;
  if (!filter.empty())
    body["filter"] = std::move(filter);
  const auto made = send_json(head, "POST", client::path_of({"webhooks"}), body);
  if (!made)
    return report(made.why());
  if (options.format == list_format::json || options.format == list_format::jsonl) {
    print_object(*made, options.format, "id");
    return exit_completed;
  }
  std::cout << text_of(*made, "id") << '\n';
  if (const auto secret = text_of(*made, "secret"); !secret.empty())
    std::cout << "secret " << secret << "   (shown this once: deliveries are signed with it)\n";
  return exit_completed;
}

int remove(client::api& head, const webhook_options& options) {
  const auto done = send_json(head, "DELETE", client::path_of({"webhooks", options.id}), nullptr, true);
  if (!done)
    return report(done.why());
  std::cout << options.id << " is deleted\n";
  return exit_completed;
}

int test(client::api& head, const webhook_options& options) {
  const auto done = send_json(head, "POST", client::path_of({"webhooks", options.id, "test"}), json::object());
  if (!done)
    return report(done.why());
  if (options.format != list_format::table) {
    print_object(*done, options.format, "status");
  } else {
    const auto answered = text_of(*done, "status");
    const auto problem = text_of(*done, "problem");
    std::cout << options.id << (done->value("ok", false) ? " takes events" : " does not take events") << ": "
              << (answered.empty() ? problem : "it answered " + answered) << '\n';
  }
  return done->value("ok", false) ? exit_completed : exit_error;
}

} // namespace

void add_webhook(CLI::App& app, context& ctx) {
  auto* command = app.add_subcommand("webhook", "Have a head call a URL when something happens");
  command->require_subcommand(1);
  command->footer("Example:\n  muster webhook create https://example.org/muster --type workflow.status");
  auto options = std::make_shared<webhook_options>();
  const auto add = [&](const char* name, const char* text, int (*action)(client::api&, const webhook_options&),
                       const char* footer) {
    auto* one = command->add_subcommand(name, text);
    add_list_format(*one, options->format, &options->wide);
    add_head_choice(*one, options->head, ctx);
    one->footer(footer);
    one->callback([&ctx, options, action] {
      ctx.action = [&ctx, options, action] {
        return with_head(ctx, *options, [&](client::api& head) { return action(head, *options); });
      };
    });
    return one;
  };
  const auto with_id = [&](CLI::App* one) {
    one->add_option("id", options->id, "Its id, as in the list")->type_name("WEBHOOK-ID")->required();
  };
  auto* make = add("create", "Add one", create, "Example:\n  muster webhook create https://example.org/muster");
  make->add_option("url", options->url, "Where to post events")->type_name("URL")->required();
  make->add_option("--type", options->types, "Only events of this type; may be repeated")
      ->type_name("TYPE")
      ->allow_extra_args(false);
  make->add_option("--workflow", options->workflow, "Only events of this workflow")->type_name("WORKFLOW-ID");
  add(
      "ls", "List them, with how far each has come",
      [](client::api& head, const webhook_options& x) {
        constexpr std::size_t most = 10'000;
        return print_list(head, client::path_of({"webhooks"}), {}, most, webhook_view(), x.format, x.wide);
      },
      "Example:\n  muster webhook ls")
      ->alias("list");
  with_id(add("delete", "Remove one", remove, "Example:\n  muster webhook delete wh_1"));
  with_id(add("test", "Send it a test event now", test,
              "Exit code 1 if it does not take it.\n\nExample:\n  muster webhook test wh_1"));
  with_id(add(
      "dead", "List what could not be delivered",
      [](client::api& head, const webhook_options& x) {
        item_view view;
        view.header = {"FIRST", "LAST", "TIME", "ATTEMPTS", "PROBLEM"};
        view.cells = [](const json& d) -> std::vector<cell> {
          return {{text_of(d, "first")},
                  {text_of(d, "last")},
                  {show_time(time_of(d, "time"))},
                  {text_of(d, "attempts")},
                  {text_of(d, "problem")}};
        };
        constexpr std::size_t most = 1000;
        return print_list(head, client::path_of({"webhooks", x.id, "dead"}), {}, most, view, x.format, x.wide);
      },
      "Example:\n  muster webhook dead wh_1"));
}

} // namespace muster::cli
