#include "gateway/api/plan.hpp"

#include "gateway/api/call.hpp"
#include "gateway/api/json.hpp"
#include "gateway/api/paging.hpp"
#include "gateway/api/routes.hpp"
#include "muster/picture/outline.hpp"
#include "muster/picture/stored.hpp"
#include "muster/spec/codec.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <unordered_map>

namespace muster::gateway {

namespace {

using json = nlohmann::ordered_json;
using picture::outline_scope;
using picture::outline_step;

/// Of one page, but for those of its first group: a page ends ahead of the group that would make it longer.
constexpr std::uint64_t most_tasks = 10'000;
/// Likewise, of groups before groups.
constexpr std::uint64_t most_edges = 10'000;

spec::resource resource_of(const spec::workflow& workflow, const spec::task& task) {
  const auto found = workflow.resources.find(task.resource);
  return found == workflow.resources.end() ? spec::resource{} : found->second;
}

const char* word_of(spec::after_on on) {
  switch (on) {
    case spec::after_on::success_or_skipped: return "success_or_skipped";
    case spec::after_on::failure: return "failure";
    case spec::after_on::always: return "always";
    case spec::after_on::success: break;
  }
  return "success";
}

json steps_of(const outline_scope& scope, const spec::workflow& workflow);

json step_of(const outline_step& x, const outline_scope& scope, const spec::workflow& workflow) {
  auto after = json::array();
  for (const auto& edge : x.edges)
    after.push_back({{"step", scope.steps[edge.from].step->name},
                     {"on", word_of(edge.on)},
                     {"data", edge.is_data},
                     {"by_element", edge.by_element}});
  auto tasks = json::array();
  if (const auto* gang = std::get_if<spec::group>(&x.step->body))
    for (const auto& task : gang->tasks)
      tasks.push_back({{"name", task.name}, {"lead", task.lead}, {"resource", json_of(resource_of(workflow, task))}});
  auto inner = json::array();
  for (const auto& one : x.inner)
    inner.push_back({{"role", one.role}, {"label", one.label}, {"steps", steps_of(one, workflow)}});
  return {{"path", x.path},
          {"name", x.step->name},
          {"kind", x.kind},
          {"foreach", x.step->foreach.has_value()},
          {"elements", x.elements ? json(*x.elements) : json(nullptr)},
          {"says", phrases(x)},
          {"after", std::move(after)},
          {"tasks", std::move(tasks)},
          {"inner", std::move(inner)}};
}

json steps_of(const outline_scope& scope, const spec::workflow& workflow) {
  auto out = json::array();
  for (const auto& step : scope.steps)
    out.push_back(step_of(step, scope, workflow));
  return out;
}

json plan_of_groups(const std::string& name, const std::string& pool, std::uint64_t groups, std::uint64_t tasks,
                    json rows, const std::optional<std::string>& next) {
  return {{"workflow", name},
          {"pool", pool},
          {"kind", "groups"},
          {"group_count", groups},
          {"task_count", tasks},
          {"groups", std::move(rows)},
          {"next", next ? json(*next) : json(nullptr)}};
}

json group_of(std::string_view name, bool barrier, bool ignore_nonlead_status, json upstream,
              std::size_t upstream_count, json tasks) {
  return {{"name", name},
          {"barrier", barrier},
          {"ignore_nonlead_status", ignore_nonlead_status},
          {"upstream", std::move(upstream)},
          {"upstream_count", upstream_count},
          {"tasks", std::move(tasks)}};
}

/// Rows of one workflow as a plan. Equal resources are decoded once.
class stored_plan {
public:
  stored_plan(store::reader& reader, workflow_key key) : reader_(reader), key_(key) {}

  result<json> group(const store::group_record& g) {
    const auto upstream = reader_.upstream(key_, g.index);
    if (!upstream)
      return upstream.failure();
    const auto names = reader_.group_names(key_, *upstream, most_upstream_names);
    if (!names)
      return names.failure();
    const auto tasks = reader_.tasks(key_, g.first_task, g.tasks);
    if (!tasks)
      return tasks.failure();
    const auto bodies = reader_.bodies(key_, g.first_task, g.tasks);
    if (!bodies)
      return bodies.failure();
    auto rows = json::array();
    for (std::size_t i = 0; i < tasks->size() && i < bodies->size(); ++i) {
      const auto resource = resource_of((*bodies)[i].request);
      if (!resource)
        return resource.failure();
      rows.push_back({{"name", (*tasks)[i].name}, {"lead", (*tasks)[i].lead}, {"resource", *resource}});
    }
    return group_of(g.name, g.barrier, g.ignore_nonlead_status, *names, upstream->size(), std::move(rows));
  }

private:
  result<json> resource_of(const std::string& text) {
    if (const auto known = resources_.find(text); known != resources_.end())
      return known->second;
    const auto decoded = spec::decode_resource(text);
    if (!decoded)
      return decoded.failure();
    return resources_.emplace(text, json_of(*decoded)).first->second;
  }

  store::reader& reader_;
  workflow_key key_;
  std::unordered_map<std::string, json> resources_;
};

result<http::response> get_plan(call& x) {
  const auto workflow = x.workflow();
  if (!workflow)
    return workflow.failure();
  query_reader query{x.request};
  const auto wanted = row_query_of(query, "plan " + workflow->id);
  if (!wanted)
    return wanted.failure();
  if (!wanted->statuses.empty())
    return {ec::invalid_argument, "query parameter 'status': a plan has no statuses"};
  auto& reader = **x.state();
  const auto definition = picture::read_definition(reader, *workflow);
  if (!definition)
    return definition.failure();
  if (*definition) {
    auto body = plan_of_flow(**definition);
    body["workflow"] = workflow->id;
    return json_response(200, body);
  }
  const auto page = read_page<store::group_record>(*wanted, [&](std::uint32_t first, std::size_t limit) {
    return reader.groups(workflow->key, group_index{first}, limit);
  });
  if (!page)
    return page.failure();
  stored_plan plan{reader, workflow->key};
  auto rows = json::array();
  auto next = page->next;
  std::uint64_t tasks = 0;
  std::uint64_t edges = 0;
  for (const auto& g : page->rows) {
    if (!rows.empty() && tasks + g.tasks > most_tasks) {
      next = make_cursor(wanted->list, g.index.value);
      break;
    }
    tasks += g.tasks;
    auto row = plan.group(g);
    if (!row)
      return row.failure();
    edges += (*row)["upstream"].size();
    if (!rows.empty() && edges > most_edges) {
      next = make_cursor(wanted->list, g.index.value);
      break;
    }
    rows.push_back(std::move(*row));
  }
  return json_response(
      200, plan_of_groups(workflow->id, workflow->pool, workflow->groups, workflow->tasks, std::move(rows), next));
}

} // namespace

json plan_of_flow(const spec::workflow& x) {
  const auto outline = picture::outline_of(*x.flow);
  const auto tasks = tasks_of(outline);
  return {{"workflow", x.name},
          {"pool", x.pool},
          {"kind", "flow"},
          {"task_count", tasks ? json(*tasks) : json(nullptr)},
          {"steps", steps_of(outline, x)}};
}

result<json> plan_of(const spec::workflow& x, std::size_t most) {
  if (x.flow)
    return plan_of_flow(x);
  const auto laid_out = make_plan(x);
  if (!laid_out)
    return laid_out.failure();
  auto rows = json::array();
  std::uint64_t task_count = 0;
  std::uint64_t edges = 0;
  for (auto g = laid_out->first_group(); g != laid_out->end_group() && rows.size() < most; ++g.value) {
    task_count += laid_out->tasks(g).count;
    const auto before = laid_out->upstream(g);
    edges += std::min(before.size(), most_upstream_names);
    if (!rows.empty() && (task_count > most_tasks || edges > most_edges))
      break;
    auto upstream = json::array();
    for (const auto from : before)
      if (upstream.size() < most_upstream_names)
        upstream.push_back(laid_out->group_name(from));
    auto tasks = json::array();
    const auto range = laid_out->tasks(g);
    for (std::uint32_t i = 0; i < range.count; ++i) {
      const task_index t{range.first.value + i};
      tasks.push_back({{"name", laid_out->task_name(t)},
                       {"lead", laid_out->is_lead(t)},
                       {"resource", json_of(laid_out->resource(t))}});
    }
    rows.push_back(group_of(laid_out->group_name(g), laid_out->barrier(g), laid_out->ignore_nonlead_status(g),
                            std::move(upstream), before.size(), std::move(tasks)));
  }
  return plan_of_groups(x.name, x.pool, laid_out->group_count(), laid_out->task_count(), std::move(rows), std::nullopt);
}

void add_plan_routes(http::router& to, const std::shared_ptr<services>& with) {
  add_route(to, with, {"GET", "/v1/workflows/{id}/plan"}, get_plan);
}

} // namespace muster::gateway
