#include "cli/commands/commands.hpp"
#include "cli/commands/errors.hpp"
#include "cli/commands/listing.hpp"
#include "cli/exit_code.hpp"
#include "cli/remote/reading.hpp"
#include "cli/terminal/event_line.hpp"
#include "cli/terminal/style.hpp"
#include "muster/event/json.hpp"

#include <CLI/CLI.hpp>

#include <chrono>
#include <iostream>
#include <memory>
#include <thread>
#include <unistd.h>

namespace muster::cli {

namespace {

struct events_options {
  std::string id;
  std::uint64_t after = 0;
  bool follow = false;
  list_format format = list_format::table;
  head_choice head;
};

class event_printer {
public:
  explicit event_printer(list_format format)
      : format_(format), look_(style::for_descriptor(STDOUT_FILENO)), objects_(format) {}

  void add(const store::named_event& x) {
    if (format_ == list_format::table)
      std::cout << x.fact.seq.value << "  " << event_line(x, look_) << '\n';
    else if (format_ == list_format::name)
      std::cout << x.fact.seq.value << '\n';
    else
      objects_.add_raw(to_json(x.fact, {x.workflow, x.group, x.task}));
  }
  void finish() { objects_.finish(); }

private:
  list_format format_;
  style look_;
  json_list objects_;
};

int print_events(store::reader& reader, store::event_query query, const events_options& options) {
  constexpr auto poll_interval = std::chrono::milliseconds(100);
  event_printer printer(options.format);
  while (true) {
    const auto page = reader.events(query);
    if (!page)
      return report(page.failure());
    bool ended = false;
    for (const auto& x : page->events) {
      printer.add(x);
      ended = ended || (x.fact.type == event_type::workflow_status && is_finished(x.fact.status));
    }
    query.after = page->next_after;
    if (!page->at_end)
      continue;
    // One workflow has a last event; the journal as a whole has none.
    if (!options.follow || (query.workflow && ended))
      break;
    std::cout.flush();
    if (!std::cout)
      break;
    std::this_thread::sleep_for(poll_interval);
  }
  printer.finish();
  return exit_completed;
}

int events(const context& ctx, const events_options& options) {
  if (options.follow && options.format == list_format::json)
    return report_usage("--follow has no end to close a JSON array at: use -o jsonl");
  const auto elsewhere = means_other_machine(ctx, options.head);
  if (!elsewhere)
    return report(elsewhere.failure());
  if (*elsewhere) {
    auto head = require_head(ctx, options.head);
    return head ? events_on_head(**head, {options.id, options.after, options.follow, options.format})
                : report(head.failure());
  }
  const auto directory = find_state_directory(ctx);
  if (!directory)
    return report(directory.failure());
  auto reader = open_reader(*directory);
  if (!reader)
    return report(reader.failure());
  store::event_query query;
  query.after = sequence{options.after};
  auto follow = options;
  if (!options.id.empty()) {
    const auto workflow = find_workflow(*reader, options.id);
    if (!workflow)
      return report(workflow.failure());
    query.workflow = workflow->key;
    // What has ended already gets no further event, wherever the reading begins.
    follow.follow = options.follow && !is_finished(workflow->status);
  }
  return print_events(*reader, query, follow);
}

} // namespace

void add_events(CLI::App& app, context& ctx) {
  auto* command = app.add_subcommand("events", "Print what happened, in order");
  auto options = std::make_shared<events_options>();
  command->add_option("id", options->id, "A workflow's id, or 'last'; without it, everything")->type_name("ID");
  command->add_option("--after", options->after, "Begin after the event of this number")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber);
  command->add_flag("-f,--follow", options->follow, "Go on as events come, until the workflow ends");
  add_list_format(*command, options->format);
  add_state_dir(*command, ctx);
  add_head_choice(*command, options->head, ctx);
  command->footer("Example:\n  muster events last -f -o jsonl");
  command->callback([&ctx, options] { ctx.action = [&ctx, options] { return events(ctx, *options); }; });
}

} // namespace muster::cli
