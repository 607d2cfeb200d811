#include "gateway/api/call.hpp"
#include "gateway/api/json.hpp"
#include "gateway/api/paging.hpp"
#include "gateway/api/routes.hpp"
#include "muster/picture/stored.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <vector>

namespace muster::gateway {

namespace {

using json = nlohmann::ordered_json;

/// Tasks with what their groups say of them; neighbours share one.
class task_view {
public:
  task_view(store::reader& reader, workflow_key key) : reader_(reader), key_(key) {}

  result<json> view(const store::task_record& x) {
    if (!group_ || group_->index != x.group)
      if (auto known = learn(x.group); !known)
        return known.failure();
    auto out = json_of(x, group_->name);
    out["waits_for"] = waits_for_.empty() || is_group_finished(x.status) ? json(nullptr) : json(waits_for_);
    return out;
  }

private:
  result<void> learn(group_index g) {
    auto found = reader_.groups(key_, g, 1);
    if (!found)
      return found.failure();
    if (found->empty() || found->front().index != g)
      return {ec::store_corrupt, "a task is in no group"};
    auto reason = waiting_reason(found->front());
    if (!reason)
      return reason.failure();
    group_ = std::move(found->front());
    waits_for_ = std::move(*reason);
    return {};
  }

  /// What a group that has not begun waits for: its place, or the groups before it.
  result<std::string> waiting_reason(const store::group_record& group) {
    constexpr std::size_t names_shown = 3;
    if (is_finished(group.status))
      return std::string{};
    if (group.status == status::running || !group.reason.empty())
      return group.reason;
    auto upstream = reader_.upstream(key_, group.index);
    if (!upstream)
      return upstream.failure();
    if (*upstream == waited_for_) // As where many collect what the same ones give.
      return open_ones_;
    if (looked_at_ > most_looked_at)
      return std::string{"waits for groups before it"};
    looked_at_ += upstream->size();
    const auto names = reader_.group_names(key_, *upstream, names_shown + 1, true);
    if (!names)
      return names.failure();
    open_ones_.clear();
    for (std::size_t i = 0; i < std::min(names->size(), names_shown); ++i)
      open_ones_ += (i == 0 ? "waits for " : ", ") + (*names)[i];
    if (names->size() > names_shown)
      open_ones_ += " and others";
    waited_for_ = std::move(*upstream);
    return open_ones_;
  }

  /// Edges, of all groups of one answer.
  static constexpr std::size_t most_looked_at = 100'000;

  store::reader& reader_;
  workflow_key key_;
  std::optional<store::group_record> group_;
  std::string waits_for_;
  std::vector<group_index> waited_for_; ///< By the group that was looked at last,
  std::string open_ones_;               ///< and what that gave.
  std::size_t looked_at_ = 0;
};

/// Where a task stands in the `foreach` around it; null if there is none, or if that cannot be told.
json element_of(store::reader& reader, const store::workflow_record& workflow, const std::string& task) {
  const auto definition = picture::read_definition(reader, workflow);
  if (!definition || !*definition)
    return nullptr;
  const auto place = picture::find_element(reader, workflow, **definition, task);
  if (!place || !*place)
    return nullptr;
  return {{"index", (*place)->index}, {"item", (*place)->item ? json_of_text(*(*place)->item) : json(nullptr)}};
}

result<http::response> list_tasks(call& x) {
  const auto workflow = x.workflow();
  if (!workflow)
    return workflow.failure();
  query_reader query{x.request};
  const auto wanted = row_query_of(query, "tasks " + workflow->id, true);
  if (!wanted)
    return wanted.failure();
  auto& reader = **x.state();
  const auto page = read_page<store::task_record>(*wanted, [&](std::uint32_t first, std::size_t limit) {
    return reader.tasks(workflow->key, task_index{first}, limit);
  });
  if (!page)
    return page.failure();
  task_view tasks{reader, workflow->key};
  auto items = json::array();
  for (const auto& t : page->rows) {
    auto one = tasks.view(t);
    if (!one)
      return one.failure();
    items.push_back(std::move(*one));
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
  auto body = task_view{reader, workflow->key}.view(*task);
  if (!body)
    return body.failure();
  const auto attempts = reader.attempts(workflow->key, task->index);
  if (!attempts)
    return attempts.failure();
  (*body)["workflow"] = workflow->id;
  (*body)["attempts"] = attempts->size();
  (*body)["element"] = element_of(reader, *workflow, task->name);
  return json_response(200, *body);
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
