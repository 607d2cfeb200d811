#include "cli/commands/commands.hpp"
#include "cli/commands/errors.hpp"
#include "cli/commands/node_text.hpp"
#include "cli/commands/pool_policy.hpp"
#include "cli/exit_code.hpp"
#include "cli/remote/answers.hpp"
#include "cli/remote/connection.hpp"
#include "cli/remote/submission.hpp"
#include "cli/terminal/text.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <iostream>
#include <memory>

/// Pools and nodes of a head.
namespace muster::cli {

namespace {

using json = nlohmann::ordered_json;

struct resource_options {
  std::string name;
  list_format format = list_format::table;
  bool wide = false;
  head_choice head;
};

/// `3/8`: free of all.
std::string share(const json& x, const char* what) {
  const auto part = [&](const char* side) {
    const auto found = x.find(side);
    if (found == x.end() || !found->is_object())
      return std::string{"-"};
    const auto value = found->find(what);
    if (value == found->end() || value->is_null())
      return std::string{"-"};
    if (value->is_array())
      return std::to_string(value->size());
    if (std::string_view{what} == "memory" || std::string_view{what} == "storage")
      return show_bytes(value->is_number() ? value->get<std::int64_t>() : 0);
    return value->is_number_float() ? text_of(*found, what).substr(0, 6) : text_of(*found, what);
  };
  return part("free") + '/' + part("total");
}

/// `true`, or why it is; empty if it is not.
std::string maintenance_of(const json& pool) {
  const auto found = pool.find("maintenance");
  if (found == pool.end() || found->is_null() || *found == false)
    return {};
  return found->is_string() ? found->get<std::string>() : "in maintenance";
}

cell state_of(const json& x) {
  const bool available = x.value("available", false);
  if (available && !maintenance_of(x).empty())
    return {"maintenance", tone::bad};
  return {available ? "available" : "down", available ? tone::good : tone::bad};
}

/// Of a node: `ready`, `suspect`, `draining`, ...
cell condition_of(const json& x) {
  const bool available = x.value("available", false);
  return {text_of(x, "condition"), available ? tone::good : tone::bad};
}

item_view pool_view_of() {
  item_view x;
  x.header = {"POOL", "STATE", "DRIVER", "CPU", "MEMORY", "GPU", "RUNNING", "WAITING"};
  x.wide_header = {"STORAGE", "VERSION", "REASON"};
  x.cells = [](const json& p) -> std::vector<cell> {
    return {{text_of(p, "name") + (p.value("default", p.value("is_default", false)) ? " (default)" : "")},
            state_of(p),
            {text_of(p, "driver")},
            {share(p, "cpu")},
            {share(p, "memory")},
            {share(p, "gpus")},
            {text_of(p, "placed_tasks")},
            {text_of(p, "waiting_gangs")}};
  };
  x.wide_cells = [](const json& p) -> std::vector<cell> {
    return {{share(p, "storage")},
            {text_of(p, "version")},
            {maintenance_of(p).empty() ? text_of(p, "reason") : maintenance_of(p)}};
  };
  x.name = "name";
  return x;
}

item_view node_view_of() {
  item_view x;
  x.header = {"NODE", "POOL", "STATE", "CPU", "MEMORY", "GPU"};
  x.wide_header = {"STORAGE", "PLATFORM", "ADDRESS", "REASON"};
  x.cells = [](const json& n) -> std::vector<cell> {
    return {{text_of(n, "name")}, {text_of(n, "pool")}, condition_of(n),
            {share(n, "cpu")},    {share(n, "memory")}, {share(n, "gpus")}};
  };
  x.wide_cells = [](const json& n) -> std::vector<cell> {
    return {{share(n, "storage")}, {text_of(n, "platform")}, {text_of(n, "address")}, {text_of(n, "reason")}};
  };
  x.name = "name";
  return x;
}

int list(const context& ctx, const resource_options& options, const char* kind, const item_view& view) {
  auto head = require_head(ctx, options.head);
  if (!head)
    return report_no_head(head.failure());
  constexpr std::size_t most = 100'000;
  return print_list(**head, client::path_of({kind}), {}, most, view, options.format, options.wide);
}

int show(const context& ctx, const resource_options& options, const char* kind) {
  auto head = require_head(ctx, options.head);
  if (!head)
    return report_no_head(head.failure());
  const auto x = get_json(**head, client::path_of({kind, options.name}));
  if (!x)
    return report(x.why());
  if (std::string_view{kind} == "nodes" && options.format == list_format::table)
    print_node(*x, std::cout);
  else if (options.format == list_format::table)
    print_pool(*x, std::cout);
  else
    print_object(*x, options.format, "name");
  return exit_completed;
}

/// `type` is how the help calls a name, by which completions know what to list.
CLI::App& add_kind(CLI::App& app, context& ctx, const char* name, const char* plural, const char* type,
                   item_view (*view)()) {
  const std::string kind = name;
  auto* command = app.add_subcommand(kind, "Show the " + std::string{plural} + " of a head");
  command->require_subcommand(1);
  command->footer("Examples:\n  muster " + kind + " ls -o wide\n  muster " + kind + " show local");
  auto options = std::make_shared<resource_options>();
  auto* ls = command->add_subcommand("ls", "List them: what is free, of how much");
  add_list_format(*ls, options->format, &options->wide);
  add_head_choice(*ls, options->head, ctx);
  ls->footer("Example:\n  muster " + kind + " ls");
  ls->callback([&ctx, options, plural, view] {
    ctx.action = [&ctx, options, plural, view] { return list(ctx, *options, plural, view()); };
  });
  auto* one = command->add_subcommand("show", "Show one with all that is known of it");
  one->add_option("name", options->name, "Its name")->type_name(type)->required();
  add_list_format(*one, options->format, nullptr);
  add_head_choice(*one, options->head, ctx);
  one->footer("Example:\n  muster " + kind + " show local -o json");
  one->callback(
      [&ctx, options, plural] { ctx.action = [&ctx, options, plural] { return show(ctx, *options, plural); }; });
  return *command;
}

struct duty_options {
  std::string node;
  std::string reason;
  std::string deadline;
  bool force = false;
  head_choice head;
};

/// Says what a node is for from now on.
int assign(const context& ctx, const duty_options& options, const char* verb) {
  auto head = require_head(ctx, options.head);
  if (!head)
    return report_no_head(head.failure());
  json body = json::object();
  if (!options.reason.empty())
    body["reason"] = options.reason;
  if (const auto limit = parse_duration(options.deadline))
    body["deadline"] = std::chrono::duration_cast<std::chrono::seconds>(*limit).count();
  const auto done = send_json(**head, "POST", client::path_of({"nodes", options.node, verb}), body);
  if (!done)
    return report(done.why());
  std::cout << options.node << " is " << text_of(*done, "duty") << '\n';
  return exit_completed;
}

int strike_off(const context& ctx, const duty_options& options) {
  auto head = require_head(ctx, options.head);
  if (!head)
    return report_no_head(head.failure());
  const auto path = client::path_of({"nodes", options.node}) + (options.force ? "?force=true" : "");
  const auto done = send_json(**head, "DELETE", path, nullptr, true);
  if (!done)
    return report(done.why());
  const auto given_up = done->value("given_up", std::uint64_t{0});
  std::cout << options.node << " is removed\n";
  if (given_up > 0)
    std::cout << given_up << (given_up == 1 ? " task that it may still run was" : " tasks that it may still run were")
              << " given up, and will run elsewhere\n";
  return exit_completed;
}

void add_duty(CLI::App& of, context& ctx, const char* verb, const char* text) {
  auto* command = of.add_subcommand(verb, text);
  auto options = std::make_shared<duty_options>();
  command->add_option("node", options->node, "Its name")->type_name("NODE")->required();
  command->add_option("--reason", options->reason, "Why, for people")->type_name("TEXT");
  if (std::string_view{verb} == "drain")
    command
        ->add_option(
            "--deadline", options->deadline,
            "What still runs after this time is stopped, and runs elsewhere, e.g. 30m (default: it may finish)")
        ->type_name("DURATION")
        ->check([](const std::string& text_of_it) {
          return parse_duration(text_of_it) ? std::string{} : "'" + text_of_it + "' is no duration such as 90s or 30m";
        });
  add_head_choice(*command, options->head, ctx);
  command->footer(std::string{"Example:\n  muster node "} + verb + " n1");
  command->callback(
      [&ctx, options, verb] { ctx.action = [&ctx, options, verb] { return assign(ctx, *options, verb); }; });
}

} // namespace

void add_pool(CLI::App& app, context& ctx) {
  add_pool_changes(add_kind(app, ctx, "pool", "pools", "POOL", pool_view_of), ctx);
}

void add_node(CLI::App& app, context& ctx) {
  auto& command = add_kind(app, ctx, "node", "nodes", "NODE", node_view_of);
  add_duty(command, ctx, "cordon", "Give it nothing new; what runs there goes on");
  add_duty(command, ctx, "uncordon", "Give it work again");
  add_duty(command, ctx, "drain", "Let it run empty");
  auto* gone = command.add_subcommand("rm", "Strike off a node that is gone for good");
  auto options = std::make_shared<duty_options>();
  gone->add_option("node", options->node, "Its name")->type_name("NODE")->required();
  gone->add_flag("--force", options->force, "Also while it may be back, and give up at once what it may run");
  add_head_choice(*gone, options->head, ctx);
  gone->footer("Example:\n  muster node rm n1");
  gone->callback([&ctx, options] { ctx.action = [&ctx, options] { return strike_off(ctx, *options); }; });
}

} // namespace muster::cli
