#include "gateway/events/routes.hpp"

#include "gateway/api/call.hpp"
#include "gateway/api/problem.hpp"
#include "gateway/api/query.hpp"
#include "gateway/events/event_stream.hpp"
#include "muster/base/text.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <utility>

namespace muster::gateway {

namespace {

constexpr std::uint64_t most_wait_seconds = 60;
constexpr std::size_t most_filters = 100; ///< Names in one request.

struct form_name {
  std::string_view type;
  event_form form;
};
constexpr form_name forms[] = {{"text/event-stream", event_form::sse},
                               {"application/x-ndjson", event_form::ndjson},
                               {"application/cloudevents-batch+json", event_form::cloudevents}};

/// The first form that `Accept` names; lines of JSON for whoever takes anything.
std::optional<event_form> form_of(const http::request& x) {
  auto left = x.header("Accept").value_or("*/*");
  while (!left.empty()) {
    const auto comma = left.find(',');
    const auto one = left.substr(0, comma);
    const auto type = trimmed(one.substr(0, one.find(';')));
    for (const auto& known : forms)
      if (type == known.type)
        return known.form;
    if (type == "*/*" || type == "application/*")
      return event_form::ndjson;
    left.remove_prefix(comma == std::string_view::npos ? left.size() : comma + 1);
  }
  return std::nullopt;
}

const char* content_type(event_form x) {
  for (const auto& known : forms)
    if (known.form == x)
      return known.type.data();
  return "application/json";
}

/// What a request asks for, as far as it says so itself.
struct asked_events {
  std::optional<std::uint64_t> after;
  std::string from; ///< `now`, `earliest` or empty.
  std::vector<std::string> workflows, groups, tasks, types;
  std::size_t limit = 100;
  std::uint64_t wait = 0; ///< Seconds.
};

result<std::optional<std::uint64_t>> last_event_id(const http::request& x) {
  const auto text = x.header("Last-Event-ID");
  if (!text || text->empty())
    return std::optional<std::uint64_t>{};
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text->data(), text->data() + text->size(), value);
  if (parsed.ec != std::errc{} || parsed.ptr != text->data() + text->size())
    return error{ec::invalid_argument, "Last-Event-ID must be the number of an event"};
  return std::optional{value};
}

result<asked_events> read_query(const http::request& x) {
  query_reader query{x};
  asked_events out;
  constexpr auto largest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  const auto after = query.number("after", 0, largest);
  auto from = query.text("from");
  out.workflows = query.list("workflow");
  out.groups = query.list("group");
  out.tasks = query.list("task");
  out.types = query.list("type");
  const auto limit = query.limit();
  const auto wait = query.number("wait", 0, most_wait_seconds);
  const auto resumed = last_event_id(x);
  if (!after || !from)
    return after ? from.failure() : after.failure();
  if (!limit || !wait)
    return limit ? wait.failure() : limit.failure();
  if (!resumed)
    return resumed.failure();
  if (auto known = query.finish(); !known)
    return known.failure();
  out.from = from->value_or("");
  if (!out.from.empty() && out.from != "now" && out.from != "earliest")
    return error{ec::invalid_argument, "from must be now or earliest"};
  if (*after && !out.from.empty())
    return error{ec::invalid_argument, "after and from exclude each other"};
  if (out.workflows.size() + out.groups.size() + out.tasks.size() + out.types.size() > most_filters)
    return error{ec::invalid_argument, "at most " + std::to_string(most_filters) + " filters can be given"};
  if (out.workflows.empty() && !(out.groups.empty() && out.tasks.empty()))
    return error{ec::invalid_argument, "group and task need a workflow: their names mean nothing without one"};
  // A browser that comes again repeats the address, and says here how far it was.
  out.after = *resumed ? *resumed : *after;
  out.limit = *limit;
  out.wait = wait->value_or(0);
  return out;
}

result<event_filter> make_filter(call& x, const asked_events& asked) {
  event_filter out;
  if (auto done = set_types(out, asked.types); !done)
    return done.failure();
  if (sees_own_only(x.who))
    out.user = x.who.user;
  auto reader = x.state();
  if (!reader)
    return reader.failure();
  for (const auto& id : asked.workflows) {
    auto found = (*reader)->workflow(id);
    if (!found && found.failure().code != ec::not_found)
      return found.failure();
    if (!found || !may_see(x.who, found->user))
      return error{ec::not_found, "there is no workflow " + id};
    out.workflows.push_back(found->key);
  }
  out.groups = asked.groups;
  out.tasks = asked.tasks;
  return out;
}

http::response gone(const call& x, const event_feed& feed, sequence earliest, const std::string& why) {
  nlohmann::ordered_json more;
  more["earliest_seq"] = earliest.value;
  more["log_id"] = feed.log_id();
  return problem(x.request.id, "gone", why, more);
}

/// Where the stream begins, or the answer that there is no such place.
struct start_place {
  sequence after;
  std::optional<http::response> refused{};
};

result<start_place> place_of(call& x, event_feed& feed, const asked_events& asked) {
  auto reader = x.state();
  if (!reader)
    return reader.failure();
  const auto first = (*reader)->earliest();
  if (!first)
    return first.failure();
  const auto last = x.seen().value_or(sequence{});
  for (const char* header : {"Muster-Log-Id", "X-Muster-Log-Id"})
    if (const auto id = x.request.header(header); id && *id != feed.log_id())
      return start_place{{},
                         gone(x, feed, *first,
                              "this is another log: it was restored or made anew; read the state "
                              "and begin again")};
  if (!asked.after)
    return start_place{asked.from == "earliest" ? sequence{first->value - 1} : last};
  if (*asked.after + 1 < first->value)
    return start_place{
        {},
        gone(x, feed, *first,
             "events up to " + std::to_string(first->value - 1) + " were removed; read the state and begin again")};
  if (*asked.after > last.value)
    return start_place{{},
                       gone(x, feed, *first,
                            "the log ends at " + std::to_string(last.value) +
                                ": that number is of another log; read the state and begin again")};
  return start_place{{*asked.after}};
}

result<http::response> get_events(call& x, const std::shared_ptr<services>& with) {
  if (!x.with.feed)
    return error{ec::unavailable, "there are no event streams here: no head runs on this state directory"};
  auto& feed = *x.with.feed;
  const auto form = form_of(x.request);
  if (!form)
    return problem(x.request.id, "not_acceptable",
                   "events come as text/event-stream, application/x-ndjson or application/cloudevents-batch+json");
  auto asked = read_query(x.request);
  if (!asked)
    return asked.failure();
  auto filter = make_filter(x, *asked);
  if (!filter)
    return filter.failure();
  auto place = place_of(x, feed, *asked);
  if (!place)
    return place.failure();
  if (place->refused)
    return std::move(*place->refused);
  x.release();
  auto seat = x.with.event_streams.take(share_of(x.who));
  if (!seat)
    return seat.failure();
  event_stream_config config;
  config.place = std::make_shared<const places::place>(std::move(*seat));
  config.form = *form;
  config.filter = std::move(*filter);
  config.after = place->after;
  config.bookmark = x.with.bookmark;
  config.limit = asked->limit;
  config.wait = std::chrono::seconds{asked->wait};
  config.may_go_on = [with, who = x.who] { return with->still_counts(who); };
  http::response out;
  out.headers.emplace("Content-Type", content_type(*form));
  out.headers.emplace("X-Accel-Buffering", "no");
  out.headers.emplace("X-Muster-Seq", std::to_string(place->after.value));
  out.headers.emplace("X-Muster-Log-Id", feed.log_id());
  out.stream = make_event_stream(feed, std::move(config));
  return out;
}

} // namespace

void add_event_routes(http::router& to, const std::shared_ptr<services>& with) {
  add_route(to, with, {"GET", "/v1/events", access::read}, [with](call& x) { return get_events(x, with); });
}

} // namespace muster::gateway
