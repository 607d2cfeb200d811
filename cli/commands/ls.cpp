#include "cli/commands/commands.hpp"
#include "cli/commands/errors.hpp"
#include "cli/commands/listing.hpp"
#include "cli/exit_code.hpp"
#include "cli/remote/answers.hpp"
#include "cli/remote/connection.hpp"
#include "cli/terminal/text.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <memory>

namespace muster::cli {

namespace {

using json = nlohmann::ordered_json;

struct ls_options {
  std::vector<std::string> statuses;
  std::string name;
  std::string user;
  std::string pool;
  std::vector<std::string> labels;
  std::size_t limit = 20;
  bool unfinished = false;
  list_format format = list_format::table;
  bool wide = false;
  head_choice head;
};

std::string labels_of(const json& x) {
  std::string out;
  if (const auto labels = x.find("labels"); labels != x.end() && labels->is_object())
    for (const auto& [key, value] : labels->items())
      out += (out.empty() ? "" : ",") + key + '=' + text_of(*labels, key.c_str());
  return out;
}

/// Of its status, or why it stands still.
std::string reason_of(const json& workflow) {
  const auto held = text_of(workflow, "held");
  return held.empty() ? text_of(workflow, "reason") : held;
}

item_view workflow_view() {
  item_view x;
  x.header = {"ID", "STATUS", "TASKS", "SUBMITTED", "TOOK", "REASON"};
  x.wide_header = {"GROUPS", "POOL", "PRIORITY", "USER", "LABELS"};
  x.cells = [](const json& w) -> std::vector<cell> {
    return {{text_of(w, "id")},
            {text_of(w, "status"), tone_of(status_of(w))},
            {text_of(w, "tasks") + (w.value("growing", false) ? " so far" : "")},
            {show_time(time_of(w, "submitted"))},
            {elapsed(time_of(w, "started"), time_of(w, "ended"))},
            {reason_of(w)}};
  };
  x.wide_cells = [](const json& w) -> std::vector<cell> {
    return {
        {text_of(w, "groups")}, {text_of(w, "pool")}, {text_of(w, "priority")}, {text_of(w, "user")}, {labels_of(w)}};
  };
  return x;
}

query_list query_of(const ls_options& options, const std::vector<status>& statuses) {
  query_list out;
  std::string names;
  for (const auto s : statuses)
    names += (names.empty() ? "" : ",") + std::string{to_string(s)};
  const auto add = [&out](const char* name, const std::string& value) {
    if (!value.empty())
      out.emplace_back(name, value);
  };
  add("status", names);
  add("name", options.name);
  add("user", options.user);
  add("pool", options.pool);
  for (const auto& label : options.labels)
    add("label", label);
  add("unfinished", options.unfinished ? "true" : "");
  return out;
}

int list(const context& ctx, const ls_options& options) {
  const auto statuses = parse_statuses(options.statuses);
  if (!statuses)
    return report_usage(statuses.failure().message);
  auto head = find_live_api(ctx, options.head);
  if (!head)
    return report(head.failure());
  return print_list(**head, client::path_of({"workflows"}), query_of(options, *statuses), options.limit,
                    workflow_view(), options.format, options.wide);
}

} // namespace

void add_ls(CLI::App& app, context& ctx) {
  auto* command = app.add_subcommand("ls", "List workflows, newest first");
  auto options = std::make_shared<ls_options>();
  command->add_option("--status", options->statuses, "Only these statuses")
      ->type_name("STATUS,...")
      ->allow_extra_args(false);
  command->add_option("--name", options->name, "Only workflows of this name");
  command->add_option("--user", options->user, "Only those that this user submitted to a head");
  command->add_option("--pool", options->pool, "Only those of this pool")->type_name("POOL");
  command->add_option("--label", options->labels, "Only those with this label; may be repeated")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  command->add_option("--limit", options->limit, "At most so many (default: 20)")
      ->type_name("N")
      ->check(CLI::Range(1U, 10'000'000U));
  command->add_flag("--unfinished", options->unfinished, "Only those that have not ended");
  add_list_format(*command, options->format, &options->wide);
  add_head_choice(*command, options->head, ctx);
  command->footer("Example:\n  muster ls --status running,failed --limit 5");
  command->callback([&ctx, options] { ctx.action = [&ctx, options] { return list(ctx, *options); }; });
}

} // namespace muster::cli
