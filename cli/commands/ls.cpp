#include "cli/commands/commands.hpp"
#include "cli/commands/errors.hpp"
#include "cli/commands/listing.hpp"
#include "cli/exit_code.hpp"
#include "cli/terminal/table.hpp"
#include "cli/terminal/text.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <iostream>
#include <memory>
#include <unistd.h>

namespace muster::cli {

namespace {

struct ls_options {
  std::vector<std::string> statuses;
  std::string name;
  std::size_t limit = 20;
  bool unfinished = false;
  list_format format = list_format::table;
};

nlohmann::ordered_json to_json(const store::workflow_record& x) {
  return {{"id", x.id},
          {"name", x.name},
          {"status", to_string(x.status)},
          {"reason", x.reason},
          {"pool", x.pool},
          {"profile", x.profile},
          {"labels", x.labels},
          {"groups", x.groups},
          {"tasks", x.tasks},
          {"submitted", json_time(x.submitted)},
          {"started", json_time(x.started)},
          {"ended", json_time(x.ended)}};
}

/// Prints workflows in one of the formats, page by page.
class workflow_printer {
public:
  explicit workflow_printer(list_format format)
      : format_(format), rows_({"ID", "STATUS", "TASKS", "SUBMITTED", "TOOK", "REASON"},
                               style::for_descriptor(STDOUT_FILENO), std::cout),
        objects_(format) {}

  /// `grows`: its tasks are those so far.
  void add(const store::workflow_record& x, bool grows) {
    if (format_ == list_format::name)
      std::cout << x.id << '\n';
    else if (format_ == list_format::table)
      rows_.add({{x.id},
                 {std::string(to_string(x.status)), tone_of(x.status)},
                 {std::to_string(x.tasks) + (grows ? " so far" : "")},
                 {show_time(x.submitted)},
                 {elapsed(x.started, x.ended)},
                 {x.reason}});
    else
      objects_.add(to_json(x));
  }

  void finish() {
    if (format_ == list_format::table)
      rows_.flush();
    else
      objects_.finish();
  }

private:
  list_format format_;
  table rows_;
  json_list objects_;
};

int list(const context& ctx, const ls_options& options) {
  const auto statuses = parse_statuses(options.statuses);
  if (!statuses)
    return report_usage(statuses.failure().message);
  const auto directory = find_state_directory(ctx);
  if (!directory)
    return report(directory.failure());
  workflow_printer printer(options.format);
  if (!directory->has_store()) {
    printer.finish();
    return exit_completed;
  }
  auto reader = store::reader::open(*directory);
  if (!reader)
    return report(reader.failure());

  constexpr std::size_t page_size = 500;
  store::workflow_query query;
  query.name = options.name;
  query.statuses = *statuses;
  query.unfinished = options.unfinished;
  for (std::size_t left = options.limit; left > 0;) {
    query.limit = std::min(left, page_size);
    const auto page = reader->workflows(query);
    if (!page)
      return report(page.failure());
    for (const auto& x : *page) {
      const auto flow = is_finished(x.status) ? result<std::string>{std::string{}} : reader->flow(x.key);
      printer.add(x, flow && !flow->empty());
    }
    if (page->size() < query.limit)
      break;
    query.before = page->back().key;
    left -= page->size();
  }
  printer.finish();
  return exit_completed;
}

} // namespace

void add_ls(CLI::App& app, context& ctx) {
  auto* command = app.add_subcommand("ls", "List workflows, newest first");
  auto options = std::make_shared<ls_options>();
  command->add_option("--status", options->statuses, "Only these statuses")
      ->type_name("STATUS,...")
      ->allow_extra_args(false);
  command->add_option("--name", options->name, "Only workflows of this name");
  command->add_option("--limit", options->limit, "At most so many (default: 20)")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  command->add_flag("--unfinished", options->unfinished, "Only those that have not ended");
  add_list_format(*command, options->format);
  add_state_dir(*command, ctx);
  command->footer("Example:\n  muster ls --status running,failed --limit 5");
  command->callback([&ctx, options] { ctx.action = [&ctx, options] { return list(ctx, *options); }; });
}

} // namespace muster::cli
