#include "gateway/api/call.hpp"
#include "gateway/api/json.hpp"
#include "gateway/api/paging.hpp"
#include "gateway/api/routes.hpp"

#include <nlohmann/json.hpp>

#include <charconv>

namespace muster::gateway {

namespace {

using json = nlohmann::ordered_json;

/// Names of groups by index; neighbours share one.
class group_names {
public:
  group_names(store::reader& reader, workflow_key key) : reader_(reader), key_(key) {}

  result<std::string> name(group_index g) {
    if (known_ && known_->index == g)
      return known_->name;
    auto found = reader_.groups(key_, g, 1);
    if (!found)
      return found.failure();
    if (found->empty() || found->front().index != g)
      return {ec::store_corrupt, "a task is in no group"};
    known_ = std::move(found->front());
    return known_->name;
  }

private:
  store::reader& reader_;
  workflow_key key_;
  std::optional<store::group_record> known_;
};

result<http::response> list_tasks(call& x) {
  const auto workflow = x.workflow();
  if (!workflow)
    return workflow.failure();
  query_reader query{x.request};
  const auto wanted = row_query_of(query, "tasks " + workflow->id);
  if (!wanted)
    return wanted.failure();
  auto& reader = **x.state();
  const auto page = read_page<store::task_record>(*wanted, [&](std::uint32_t first, std::size_t limit) {
    return reader.tasks(workflow->key, task_index{first}, limit);
  });
  if (!page)
    return page.failure();
  group_names groups{reader, workflow->key};
  auto items = json::array();
  for (const auto& t : page->rows) {
    const auto group = groups.name(t.group);
    if (!group)
      return group.failure();
    items.push_back(json_of(t, *group));
  }
  return json_response(200, page_of(std::move(items), page->next));
}

result<http::response> get_task(call& x) {
  if (auto known = query_reader{x.request}.finish(); !known)
    return known.failure();
  const auto workflow = x.workflow();
  if (!workflow)
    return workflow.failure();
  const auto task = x.task(*workflow);
  if (!task)
    return task.failure();
  auto& reader = **x.state();
  const auto group = group_names{reader, workflow->key}.name(task->group);
  if (!group)
    return group.failure();
  const auto attempts = reader.attempts(workflow->key, task->index);
  if (!attempts)
    return attempts.failure();
  auto body = json_of(*task, *group);
  body["workflow"] = workflow->id;
  body["attempts"] = attempts->size();
  return json_response(200, body);
}

result<http::response> list_attempts(call& x) {
  const auto workflow = x.workflow();
  if (!workflow)
    return workflow.failure();
  const auto task = x.task(*workflow);
  if (!task)
    return task.failure();
  query_reader query{x.request};
  const auto limit = query.limit();
  if (!limit)
    return limit.failure();
  const auto list = "attempts " + workflow->id + " " + task->name;
  const auto first = cursor_of(query, list);
  if (!first)
    return first.failure();
  if (auto known = query.finish(); !known)
    return known.failure();
  const auto attempts = (*x.state())->attempts(workflow->key, task->index);
  if (!attempts)
    return attempts.failure();
  auto items = json::array();
  std::optional<std::string> next;
  for (const auto& one : *attempts) {
    if (one.number < first->value_or(0))
      continue;
    if (items.size() == *limit) {
      next = make_cursor(list, one.number);
      break;
    }
    items.push_back(json_of(one));
  }
  return json_response(200, page_of(std::move(items), next));
}

result<http::response> get_attempt(call& x) {
  if (auto known = query_reader{x.request}.finish(); !known)
    return known.failure();
  const auto workflow = x.workflow();
  if (!workflow)
    return workflow.failure();
  const auto task = x.task(*workflow);
  if (!task)
    return task.failure();
  const auto attempts = (*x.state())->attempts(workflow->key, task->index);
  if (!attempts)
    return attempts.failure();
  const auto& text = x.segment("attempt");
  for (const auto& one : *attempts)
    if (std::to_string(one.number) == text)
      return json_response(200, json_of(one));
  return {ec::not_found, task->name + " has no attempt of that number; it has " + std::to_string(attempts->size())};
}

/// As the task wrote it.
result<http::response> get_result(call& x) {
  if (auto known = query_reader{x.request}.finish(); !known)
    return known.failure();
  const auto workflow = x.workflow();
  if (!workflow)
    return workflow.failure();
  const auto task = x.task(*workflow);
  if (!task)
    return task.failure();
  auto text = (*x.state())->task_result(workflow->key, task->index);
  if (!text)
    return text.failure();
  if (!*text)
    return {ec::not_found, is_group_finished(task->status) ? task->name + " gave no result"
                                                           : task->name + " has not ended: it has no result yet"};
  http::response out;
  out.headers.emplace("Content-Type", "application/json");
  out.headers.emplace("X-Content-Type-Options", "nosniff");
  out.body = std::move(**text);
  return out;
}

} // namespace

void add_task_routes(http::router& to, const std::shared_ptr<services>& with) {
  add_route(to, with, {"GET", "/v1/workflows/{id}/tasks"}, list_tasks);
  add_route(to, with, {"GET", "/v1/workflows/{id}/tasks/{task}"}, get_task);
  add_route(to, with, {"GET", "/v1/workflows/{id}/tasks/{task}/attempts"}, list_attempts);
  add_route(to, with, {"GET", "/v1/workflows/{id}/tasks/{task}/attempts/{attempt}"}, get_attempt);
  add_route(to, with, {"GET", "/v1/workflows/{id}/tasks/{task}/result"}, get_result);
}

} // namespace muster::gateway
