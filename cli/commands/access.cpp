#include "cli/commands/commands.hpp"
#include "cli/commands/errors.hpp"
#include "cli/exit_code.hpp"
#include "cli/remote/answers.hpp"
#include "cli/remote/connection.hpp"
#include "cli/remote/offline_tokens.hpp"
#include "cli/remote/submission.hpp"
#include "cli/terminal/text.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <chrono>
#include <iostream>
#include <memory>

/// Tokens: who may ask a head.
namespace muster::cli {

namespace {

using json = nlohmann::ordered_json;

struct token_options {
  std::string name;
  std::string user;
  std::string role = "user";
  std::string expires;
  std::string node;
  std::string id;
  list_format format = list_format::table;
  bool wide = false;
  head_choice head;
};

/// The token itself goes to stdout alone, so that it can be sent to a file.
int print_new(const json& x, list_format format) {
  if (format == list_format::json || format == list_format::jsonl) {
    print_object(x, format, "token");
    return exit_completed;
  }
  std::cout << text_of(x, "token") << '\n';
  std::cout.flush();
  std::cerr << "muster: token " << text_of(x, "id") << " of " << text_of(x, "user") << ", role " << text_of(x, "role")
            << "; it is shown this once\n";
  return exit_completed;
}

int create(const context& ctx, const token_options& options) {
  const auto lifetime = parse_duration(options.expires);
  auto head = find_head_api(ctx, options.head);
  if (!head)
    return report(head.failure());
  if (!*head) {
    const auto made = create_token_offline(ctx, {options.name, options.user, options.role, lifetime, options.node});
    return made ? print_new(*made, options.format) : report(made.failure());
  }
  json body{{"user", options.user}, {"role", options.role}};
  if (!options.name.empty())
    body["name"] = options.name;
  if (!options.node.empty())
    body["node"] = options.node;
  if (lifetime)
    body["expires_in"] = std::chrono::duration_cast<std::chrono::seconds>(*lifetime).count();
  const auto made = send_json(**head, "POST", client::path_of({"tokens"}), body);
  return made ? print_new(*made, options.format) : report(made.why());
}

item_view token_view() {
  item_view x;
  x.header = {"ID", "USER", "ROLE", "NAME", "CREATED", "LAST USED", "STATE"};
  x.wide_header = {"EXPIRES", "NODE"};
  x.cells = [](const json& t) -> std::vector<cell> {
    const auto expires = time_of(t, "expires");
    const bool revoked = !text_of(t, "revoked").empty();
    const bool expired = expires && *expires <= std::chrono::system_clock::now();
    return {{text_of(t, "id")},
            {text_of(t, "user")},
            {text_of(t, "role")},
            {text_of(t, "name")},
            {show_time(time_of(t, "created"))},
            {show_time(time_of(t, "last_used"))},
            {revoked   ? "revoked"
             : expired ? "expired"
                       : "active",
             revoked || expired ? tone::faint : tone::good}};
  };
  x.wide_cells = [](const json& t) -> std::vector<cell> {
    return {{show_time(time_of(t, "expires"))}, {text_of(t, "node")}};
  };
  return x;
}

int list(const context& ctx, const token_options& options) {
  auto head = require_head(ctx, options.head);
  if (!head)
    return report_no_head(head.failure());
  constexpr std::size_t most = 10'000;
  return print_list(**head, client::path_of({"tokens"}), {}, most, token_view(), options.format, options.wide);
}

int revoke(const context& ctx, const token_options& options) {
  auto head = require_head(ctx, options.head);
  if (!head)
    return report_no_head(head.failure());
  const auto done = send_json(**head, "DELETE", client::path_of({"tokens", options.id}), nullptr, true);
  if (!done)
    return report(done.why());
  std::cout << options.id << " is revoked\n";
  return exit_completed;
}

} // namespace

void add_token(CLI::App& app, context& ctx) {
  auto* command = app.add_subcommand("token", "Make, list and revoke the tokens that a head asks for");
  command->require_subcommand(1);
  command->footer("Example:\n  muster token create --role user ada > ada.token");
  auto options = std::make_shared<token_options>();

  auto* make = command->add_subcommand("create", "Make one; it is printed this once, and kept as a hash only");
  make->add_option("user", options->user, "Whose it is")->type_name("USER")->required();
  add_choice(*make, "--role", options->role,
             "What it allows (default: user); node: that an agent joins, and nothing else",
             {"viewer", "user", "admin", "node"});
  make->add_option("--node", options->node, "With --role node: the only node that may join by it")->type_name("NAME");
  make->add_option("--name", options->name, "What it is for")->type_name("TEXT");
  make->add_option("--expires", options->expires, "Ends after this time, e.g. 12h; default: never")
      ->type_name("DURATION")
      ->check([](const std::string& text) {
        return parse_duration(text) ? std::string{} : "'" + text + "' is no duration such as 90s, 15m or 12h";
      });
  add_list_format(*make, options->format, nullptr);
  add_head_choice(*make, options->head, ctx);
  make->footer(
      "The user that a head runs as needs no token for this: the head leaves its first one in admin.token of its\n"
      "state directory. Where no head runs, tokens are made in the state directory itself.\n\n"
      "Example:\n  muster token create --role admin admin > admin.token");
  make->callback([&ctx, options] { ctx.action = [&ctx, options] { return create(ctx, *options); }; });

  auto* ls = command->add_subcommand("ls", "List them, never the tokens themselves")->alias("list");
  add_list_format(*ls, options->format, &options->wide);
  add_head_choice(*ls, options->head, ctx);
  ls->footer("Example:\n  muster token ls");
  ls->callback([&ctx, options] { ctx.action = [&ctx, options] { return list(ctx, *options); }; });

  auto* end = command->add_subcommand("revoke", "End one: it is refused from now on");
  end->add_option("id", options->id, "Its id, as in the list")->type_name("TOKEN-ID")->required();
  add_head_choice(*end, options->head, ctx);
  end->footer("Example:\n  muster token revoke t_4f2a");
  end->callback([&ctx, options] { ctx.action = [&ctx, options] { return revoke(ctx, *options); }; });
}

} // namespace muster::cli
