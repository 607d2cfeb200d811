#include "gateway/api/call.hpp"
#include "gateway/api/etag.hpp"
#include "gateway/api/json.hpp"
#include "gateway/api/query.hpp"
#include "gateway/api/routes.hpp"
#include "gateway/api/waiting.hpp"
#include "muster/spec/labels.hpp"

#include <nlohmann/json.hpp>

namespace muster::gateway {

namespace {

using json = nlohmann::ordered_json;

/// Whether its tasks are only those so far.
result<bool> is_growing(store::reader& reader, const store::workflow_record& x) {
  if (is_finished(x.status))
    return false;
  return reader.has_flow(x.key);
}

/// The filters of a list, and what a cursor is bound to by them.
struct workflow_filter {
  store::workflow_query query;
  std::string text = "workflows";
  bool nothing = false; ///< There is nothing to see for this caller: not even that it is there.
};

/// `user`, `pool` and `label`.
result<void> take_owner_and_labels(query_reader& from, store::workflow_query& into) {
  const auto user = from.text("user");
  const auto pool = from.text("pool");
  if (!user)
    return user.failure();
  if (!pool)
    return pool.failure();
  into.user = *user;
  into.pool = pool->value_or("");
  for (const auto& text : from.texts("label")) {
    const auto equals = text.find('=');
    const auto key = text.substr(0, equals);
    if (auto good = spec::check_label_key(key); !good)
      return {ec::invalid_argument, "query parameter 'label': " + good.failure().message};
    store::label_filter label{key, std::nullopt};
    if (equals != std::string::npos)
      label.value = text.substr(equals + 1);
    into.labels.push_back(std::move(label));
  }
  if (into.labels.size() > store::max_label_filters)
    return {ec::invalid_argument, "query parameter 'label': at most 8 are taken"};
  return {};
}

result<workflow_filter> filter_of(query_reader& from, const identity& who) {
  workflow_filter out;
  const auto statuses = from.statuses("status");
  const auto name = from.text("name");
  const auto unfinished = from.flag("unfinished");
  const auto limit = from.limit();
  if (!statuses)
    return statuses.failure();
  if (!name)
    return name.failure();
  if (!unfinished)
    return unfinished.failure();
  if (!limit)
    return limit.failure();
  out.query.statuses = *statuses;
  out.query.name = name->value_or("");
  out.query.unfinished = *unfinished;
  out.query.limit = *limit;
  if (auto taken = take_owner_and_labels(from, out.query); !taken)
    return taken.failure();
  if (sees_own_only(who)) {
    out.nothing = out.query.user && *out.query.user != who.user;
    out.query.user = who.user;
  }
  for (const auto state : *statuses)
    out.text += " s" + std::to_string(static_cast<unsigned>(state));
  out.text += *unfinished ? " u n" : " n";
  out.text += out.query.name + " p" + out.query.pool + " o" + out.query.user.value_or("*");
  for (const auto& label : out.query.labels)
    out.text += " l" + label.name + (label.value ? '=' + *label.value : "");
  const auto before = cursor_of(from, out.text);
  if (!before)
    return before.failure();
  out.query.before.value = static_cast<std::int64_t>(before->value_or(0));
  if (auto known = from.finish(); !known)
    return known.failure();
  return out;
}

result<http::response> list_workflows(call& x) {
  query_reader query{x.request};
  const auto filter = filter_of(query, x.who);
  if (!filter)
    return filter.failure();
  auto items = json::array();
  const auto reader = x.state();
  // Where nothing was ever run there is nothing to list. A store that cannot be seen is something else.
  if (filter->nothing || (!reader && reader.failure().code == ec::not_found))
    return json_response(200, page_of(std::move(items), std::nullopt));
  if (!reader)
    return reader.failure();
  auto found = (*reader)->workflows(filter->query);
  if (!found)
    return found.failure();
  for (const auto& one : *found) {
    const auto grows = is_growing(**reader, one);
    if (!grows)
      return grows.failure();
    items.push_back(json_of(one, *grows));
    items.back()["held"] = held_now(x, one);
  }
  std::optional<std::string> next;
  if (found->size() == filter->query.limit)
    next = make_cursor(filter->text, static_cast<std::uint64_t>(found->back().key.value));
  return json_response(200, page_of(std::move(items), next));
}

result<http::response> get_workflow(call& x) {
  if (auto known = query_reader{x.request}.finish(); !known)
    return known.failure();
  const auto workflow = x.workflow();
  if (!workflow)
    return workflow.failure();
  auto& reader = **x.state();
  const auto grows = is_growing(reader, *workflow);
  const auto counts = reader.task_counts(workflow->key);
  if (!grows)
    return grows.failure();
  if (!counts)
    return counts.failure();
  auto body = json_of(*workflow, *grows);
  body["held"] = held_now(x, *workflow);
  body["task_counts"] = json_of(*counts);
  body["options"] = json_of_text(workflow->options);
  auto out = json_response(200, body);
  out.headers.emplace("ETag", etag_of(*workflow));
  return out;
}

result<http::response> get_spec(call& x) {
  if (auto known = query_reader{x.request}.finish(); !known)
    return known.failure();
  const auto workflow = x.workflow();
  if (!workflow)
    return workflow.failure();
  auto text = (*x.state())->spec_text(workflow->key);
  if (!text)
    return text.failure();
  http::response out;
  out.headers.emplace("Content-Type", "application/yaml");
  out.headers.emplace("X-Content-Type-Options", "nosniff");
  out.body = std::move(*text);
  return out;
}

} // namespace

void add_workflow_routes(http::router& to, const std::shared_ptr<services>& with) {
  add_route(to, with, {"GET", "/v1/workflows"}, list_workflows);
  add_route(to, with, {"GET", "/v1/workflows/{id}"}, get_workflow);
  add_route(to, with, {"GET", "/v1/workflows/{id}/spec"}, get_spec);
}

} // namespace muster::gateway
