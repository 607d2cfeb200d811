#include "cli/commands/errors.hpp"
#include "cli/exit_code.hpp"
#include "cli/remote/answers.hpp"
#include "cli/remote/event_reading.hpp"
#include "cli/remote/reading.hpp"
#include "cli/terminal/event_line.hpp"
#include "gateway/client/events.hpp"

#include <nlohmann/json.hpp>

#include <iostream>
#include <unistd.h>

namespace muster::cli {

namespace {

using json = nlohmann::ordered_json;

/// Prints events as `muster events` does.
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
int print_pages(client::api& head, std::uint64_t after, const query_list& filters, event_printer& printer) {
  for (;;) {
    client::request x;
    x.path = client::path_of({"events"});
    x.accept = "application/cloudevents-batch+json";
    x.query = filters;
    x.query.emplace_back("after", std::to_string(after));
    x.query.emplace_back("limit", "1000");
    const auto got = head.send(x);
    if (!got)
      return report(got.why());
    const auto page = json::parse(got->body, nullptr, false);
    if (!page.is_array())
      return report(error{ec::internal, "the answer of " + head.name() + " is no page of events"});
    std::size_t events = 0;
    for (const auto& one : page) {
      const auto data = one.is_object() ? one.find("data") : one.end();
      if (!one.is_object() || data == one.end() || !data->is_object())
        continue;
      after = std::max(after, static_cast<std::uint64_t>(number_of(*data, "seq")));
      if (text_of(one, "type") == "muster.bookmark")
        continue;
      ++events;
      printer.add(static_cast<std::uint64_t>(number_of(*data, "seq")), dump(*data));
    }
    if (events == 0 || !std::cout)
      return exit_completed;
  }
}

} // namespace

int events_on_head(client::api& head, const head_events& what) {
  query_list filters;
  bool ended = false;
  if (!what.id.empty()) {
    const auto id = workflow_id(head, what.id);
    if (!id)
      return report(id.why());
    filters.emplace_back("workflow", *id);
    const auto workflow = get_json(head, client::path_of({"workflows", *id}));
    if (!workflow)
      return report(workflow.why());
    ended = is_finished(status_of(*workflow));
  }
  event_printer printer(what.format);
  if (!what.follow || ended) {
    const int code = print_pages(head, what.after, filters, printer);
    printer.finish();
    return code;
  }
  client::event_handler handler;
  handler.on_event = [&](std::uint64_t seq, std::string_view line) {
    const bool last = printer.add(seq, line) && !filters.empty();
    std::cout.flush();
    return !last && static_cast<bool>(std::cout);
  };
  const auto done = client::follow_events(head, {what.after, filters}, handler);
  return done ? exit_completed : report(done.why());
}

} // namespace muster::cli
