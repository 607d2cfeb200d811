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

cell state_of(const json& x) {
  const bool available = x.value("available", false);
  return {available ? "available" : "down", available ? tone::good : tone::bad};
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
    return {{share(p, "storage")}, {text_of(p, "version")}, {text_of(p, "reason")}};
  };
  x.name = "name";
  return x;
}

item_view node_view_of() {
  item_view x;
  x.header = {"NODE", "POOL", "STATE", "CPU", "MEMORY", "GPU"};
  x.wide_header = {"STORAGE", "PLATFORM", "REASON"};
  x.cells = [](const json& n) -> std::vector<cell> {
    return {{text_of(n, "name")}, {text_of(n, "pool")}, state_of(n),
            {share(n, "cpu")},    {share(n, "memory")}, {share(n, "gpus")}};
  };
  x.wide_cells = [](const json& n) -> std::vector<cell> {
    return {{share(n, "storage")}, {text_of(n, "platform")}, {text_of(n, "reason")}};
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
  print_object(*x, options.format, "name");
  return exit_completed;
}

void add_kind(CLI::App& app, context& ctx, const char* name, const char* plural, item_view (*view)()) {
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
  one->add_option("name", options->name, "Its name")->type_name("NAME")->required();
  add_list_format(*one, options->format, nullptr);
  add_head_choice(*one, options->head, ctx);
  one->footer("Example:\n  muster " + kind + " show local -o json");
  one->callback(
      [&ctx, options, plural] { ctx.action = [&ctx, options, plural] { return show(ctx, *options, plural); }; });
}

} // namespace

void add_pool(CLI::App& app, context& ctx) {
  add_kind(app, ctx, "pool", "pools", pool_view_of);
}

void add_node(CLI::App& app, context& ctx) {
  add_kind(app, ctx, "node", "nodes", node_view_of);
}

} // namespace muster::cli
