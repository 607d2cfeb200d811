#include "gateway/api/call.hpp"
#include "gateway/api/json.hpp"
#include "gateway/api/query.hpp"
#include "gateway/api/routes.hpp"
#include "gateway/api/waiting.hpp"
#include "muster/picture/explanation.hpp"
#include "muster/picture/stored.hpp"

#include <nlohmann/json.hpp>

namespace muster::gateway {

namespace {

using json = nlohmann::ordered_json;

json causes_of(const std::vector<picture::cause>& causes) {
  auto out = json::array();
  for (const auto& x : causes)
    out.push_back({{"task", x.task},
                   {"status", to_string(x.status)},
                   {"reason", x.reason},
                   {"causes", causes_of(x.behind)},
                   {"more_causes", x.more_behind}});
  return out;
}

using waits = std::map<group_index, json>;

/// Why the group of a task waits for places; null if it does not.
json waiting_of(const picture::explanation& x, const waits& all) {
  const auto found = x.group ? all.find(*x.group) : all.end();
  return found == all.end() ? json(nullptr) : found->second;
}

json explanation_of(const picture::explanation& x, const waits& all) {
  json elements = nullptr;
  if (x.elements)
    elements = {{"total", x.elements->total},
                {"running", x.elements->running},
                {"completed", x.elements->completed},
                {"failed", x.elements->failed},
                {"skipped", x.elements->skipped}};
  json cache = nullptr;
  if (x.cache)
    cache = {{"key", x.cache->key.empty() ? json(nullptr) : json(x.cache->key)}, {"text", x.cache->text}};
  return {{"name", x.name},
          {"kind", x.is_step ? "step" : "task"},
          {"status", to_string(x.status)},
          {"reason", x.reason},
          {"waiting", waiting_of(x, all)},
          {"cache", std::move(cache)},
          {"elements", std::move(elements)},
          {"causes", causes_of(x.causes)},
          {"more_causes", x.more_causes},
          {"wrote_log", x.wrote_log}};
}

result<http::response> explain_workflow(call& x) {
  if (auto known = query_reader{x.request}.finish(); !known)
    return known.failure();
  const auto workflow = x.workflow();
  if (!workflow)
    return workflow.failure();
  const auto all = picture::explain(**x.state(), *workflow);
  if (!all)
    return all.failure();
  std::vector<group_index> groups;
  for (const auto& one : all->items)
    if (one.group)
      groups.push_back(*one.group);
  const auto waiting = waiting_now(x, *workflow, groups);
  auto items = json::array();
  for (const auto& one : all->items)
    items.push_back(explanation_of(one, waiting));
  return json_response(200, {{"workflow", workflow->id},
                             {"status", to_string(workflow->status)},
                             {"reason", workflow->reason},
                             {"held", held_now(x, *workflow)},
                             {"items", std::move(items)},
                             {"more", all->more}});
}

result<http::response> explain_task(call& x) {
  if (auto known = query_reader{x.request}.finish(); !known)
    return known.failure();
  const auto workflow = x.workflow();
  if (!workflow)
    return workflow.failure();
  if (auto name = x.checked_name("task"); !name)
    return name.failure();
  const auto one = picture::explain(**x.state(), *workflow, x.segment("task"));
  if (!one)
    return one.failure();
  const auto waiting =
      waiting_now(x, *workflow, one->group ? std::vector<group_index>{*one->group} : std::vector<group_index>{});
  return json_response(200, explanation_of(*one, waiting));
}

json state_of(const picture::step_state& x) {
  json elements = nullptr;
  if (x.is_foreach)
    elements = {{"total", x.elements}, {"completed", x.completed}, {"running", x.running},
                {"queued", x.queued},  {"failed", x.failed},       {"skipped", x.skipped}};
  auto failures = json::array();
  for (const auto& one : x.failures)
    failures.push_back(
        {{"path", one.path}, {"status", to_string(one.status)}, {"reason", one.reason}, {"borne", one.borne}});
  auto inner = json::array();
  for (const auto& one : x.inner)
    inner.push_back(state_of(one));
  return {{"path", x.path},
          {"kind", x.kind},
          {"status", to_string(x.status)},
          {"reason", x.reason},
          {"elements", std::move(elements)},
          {"rounds", x.rounds},
          {"running", json_of(x.began)},
          {"ended", json_of(x.ended)},
          {"failures", std::move(failures)},
          {"more_failures", x.more_failures},
          {"inner", std::move(inner)}};
}

/// How the steps of a flow stand; an empty list of a workflow that has none.
result<http::response> list_steps(call& x) {
  constexpr std::size_t usual_failures = 10;
  // All rows are looked at, so there must be an end to them.
  constexpr std::uint32_t most_tasks = 1'000'000;
  query_reader query{x.request};
  const auto failures = query.number("failures", 0, most_tasks);
  if (!failures)
    return failures.failure();
  if (auto known = query.finish(); !known)
    return known.failure();
  const auto workflow = x.workflow();
  if (!workflow)
    return workflow.failure();
  auto& reader = **x.state();
  const auto definition = picture::read_definition(reader, *workflow);
  if (!definition)
    return definition.failure();
  if (workflow->tasks > most_tasks)
    return {ec::limit_exceeded, workflow->id + " has more than 1,000,000 tasks: its steps are not put together"};
  auto items = json::array();
  bool left_out = false;
  if (*definition) {
    const auto state = picture::read_flow_state(reader, *workflow, **definition, failures->value_or(usual_failures));
    if (!state)
      return state.failure();
    for (const auto& step : state->steps)
      items.push_back(state_of(step));
    left_out = state->results_left_out;
  }
  return json_response(200, {{"workflow", workflow->id}, {"items", std::move(items)}, {"results_left_out", left_out}});
}

} // namespace

void add_explain_routes(http::router& to, const std::shared_ptr<services>& with) {
  add_route(to, with, {"GET", "/v1/workflows/{id}/explain"}, explain_workflow);
  add_route(to, with, {"GET", "/v1/workflows/{id}/tasks/{task}/explain"}, explain_task);
  add_route(to, with, {"GET", "/v1/workflows/{id}/steps"}, list_steps);
}

} // namespace muster::gateway
