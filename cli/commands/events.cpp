#include "gateway/client/events.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/errors.hpp"
#include "cli/commands/listing.hpp"
#include "cli/exit_code.hpp"
#include "cli/remote/answers.hpp"
#include "cli/remote/connection.hpp"
#include "cli/remote/event_reading.hpp"
#include "cli/remote/run_watch.hpp"
#include "cli/terminal/event_line.hpp"
#include "cli/terminal/style.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <iostream>
#include <memory>
#include <optional>
#include <unistd.h>

namespace muster::cli {

namespace {

using json = nlohmann::ordered_json;

struct events_options {
  std::string id;
  std::optional<std::uint64_t> after;
  bool follow = false;
  list_format format = list_format::table;
  head_choice head;
};

class event_printer {
public:
  explicit event_printer(list_format format)
      : format_(format), look_(style::for_descriptor(STDOUT_FILENO)), objects_(format) {}

  /// Returns whether it was the end of a workflow.
  bool add(std::uint64_t seq, std::string_view line) {
    const auto x = read_event(line);
    if (!x)
      return false;
    if (format_ == list_format::table)
      std::cout << seq << "  " << event_line(*x, look_) << '\n';
    else if (format_ == list_format::name)
      std::cout << seq << '\n';
    else
      objects_.add_raw(std::string{line});
    return x->fact.type == event_type::workflow_status && is_finished(x->fact.status);
  }
  void finish() { objects_.finish(); }

private:
  list_format format_;
  style look_;
  json_list objects_;
};

/// What there is, page by page: a page says up to where it has looked.
std::optional<client::problem> print_pages(client::api& head, std::optional<std::uint64_t> after,
                                           const query_list& filters, event_printer& printer) {
  for (;;) {
    client::request x;
    x.path = client::path_of({"events"});
    x.accept = "application/cloudevents-batch+json";
    x.query = filters;
    x.query.emplace_back(after ? "after" : "from", after ? std::to_string(*after) : "earliest");
    x.query.emplace_back("limit", "1000");
    const auto got = head.send(x);
    if (!got)
      return got.why();
    const auto page = json::parse(got->body, nullptr, false);
    if (!page.is_array())
      return client::problem{500, "internal", "the answer of " + head.name() + " is no page of events", {}};
    std::size_t events = 0;
    for (const auto& one : page) {
      const auto data = one.is_object() ? one.find("data") : one.end();
      if (!one.is_object() || data == one.end() || !data->is_object())
        continue;
      const auto seq = static_cast<std::uint64_t>(number_of(*data, "seq"));
      after = std::max(after.value_or(0), seq);
      if (text_of(one, "type") == "muster.bookmark")
        continue;
      ++events;
      printer.add(seq, dump(*data));
    }
    if (events == 0 || !std::cout)
      return std::nullopt;
  }
}

/// `runs` is of the one workflow that is followed; null if all are. False: nobody runs that any more.
client::outcome<bool> follow(client::api& head, const events_options& options, const query_list& filters,
                             event_printer& printer, run_watch* runs) {
  bool away = false;
  bool run = true;
  client::event_handler handler;
  handler.on_event = [&](std::uint64_t seq, std::string_view line) {
    away = false;
    const bool last = printer.add(seq, line) && !filters.empty(); // One workflow has a last event; the log has none.
    std::cout.flush();
    return !last && static_cast<bool>(std::cout);
  };
  handler.on_lost = [&](const client::problem& why) {
    if (!std::exchange(away, true))
      std::cerr << "muster: " << why.detail << "; trying again" << std::endl;
  };
  if (runs != nullptr)
    handler.tick = [&run, runs] { return run = runs->goes_on(); };
  const auto done = client::follow_events(head, {options.after, filters}, handler);
  return done ? client::outcome<bool>{run} : done.why();
}

int events(const context& ctx, const events_options& options) {
  if (options.follow && options.format == list_format::json)
    return report_usage("--follow has no end to close a JSON array at: use -o jsonl");
  auto head = find_reading_api(ctx, options.head);
  if (!head)
    return report(head.failure());
  query_list filters;
  json workflow;
  const run_probe probe(ctx, options.head);
  std::optional<run_watch> runs;
  bool run = true;
  if (!options.id.empty()) {
    const auto id = workflow_id(**head, options.id);
    if (!id)
      return report(id.why());
    run = runs.emplace(probe, *id).goes_on();
    const auto got = get_json(**head, client::path_of({"workflows", *id}));
    if (!got)
      return report(got.why());
    workflow = *got;
    filters.emplace_back("workflow", *id);
  } else if (options.follow) {
    // A head that was there once is waited for; one that never was is an error at once.
    if (const auto there = get_json(**head, client::path_of({"workflows"}), {{"limit", "1"}}); !there)
      return report(there.why());
  }
  // What has ended already gets no further event, wherever the reading begins.
  const bool follows = options.follow && !is_finished(status_of(workflow));
  event_printer printer(options.format);
  std::optional<client::problem> wrong;
  if (follows && run) {
    const auto followed = follow(**head, options, filters, printer, runs ? &*runs : nullptr);
    if (!followed)
      wrong = followed.why();
    run = !followed || *followed;
  } else {
    wrong = print_pages(**head, options.after, filters, printer);
  }
  printer.finish();
  if (!wrong && follows && !run)
    wrong = nobody_runs(workflow);
  return wrong ? report(*wrong) : exit_completed;
}

} // namespace

void add_events(CLI::App& app, context& ctx) {
  auto* command = app.add_subcommand("events", "Print what happened, in order");
  auto options = std::make_shared<events_options>();
  command->add_option("id", options->id, "A workflow's id, or 'last'; without it, everything")->type_name("ID");
  command->add_option("--after", options->after, "Begin after the event of this number")
      ->type_name("N")
      ->check(check_count);
  command->add_flag("-f,--follow", options->follow, "Go on as events come, until the workflow ends");
  add_list_format(*command, options->format);
  add_head_choice(*command, options->head, ctx);
  command->footer("Example:\n  muster events last -f -o jsonl");
  command->callback([&ctx, options] { ctx.action = [&ctx, options] { return events(ctx, *options); }; });
}

} // namespace muster::cli
