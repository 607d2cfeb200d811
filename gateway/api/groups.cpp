#include "gateway/api/call.hpp"
#include "gateway/api/json.hpp"
#include "gateway/api/paging.hpp"
#include "gateway/api/plan.hpp"
#include "gateway/api/routes.hpp"
#include "muster/base/utf8.hpp"

#include <nlohmann/json.hpp>

namespace muster::gateway {

namespace {

using json = nlohmann::ordered_json;

result<http::response> list_groups(call& x) {
  const auto workflow = x.workflow();
  if (!workflow)
    return workflow.failure();
  query_reader query{x.request};
  const auto wanted = row_query_of(query, "groups " + workflow->id);
  if (!wanted)
    return wanted.failure();
  auto& reader = **x.state();
  const auto page = read_page<store::group_record>(*wanted, [&](std::uint32_t first, std::size_t limit) {
    return reader.groups(workflow->key, group_index{first}, limit);
  });
  if (!page)
    return page.failure();
  auto items = json::array();
  for (const auto& g : page->rows)
    items.push_back(json_of(g));
  return json_response(200, page_of(std::move(items), page->next));
}

result<http::response> get_group(call& x) {
  if (auto known = query_reader{x.request}.finish(); !known)
    return known.failure();
  const auto workflow = x.workflow();
  if (!workflow)
    return workflow.failure();
  const auto group = x.group(*workflow);
  if (!group)
    return group.failure();
  auto& reader = **x.state();
  const auto upstream = reader.upstream(workflow->key, group->index);
  if (!upstream)
    return upstream.failure();
  const auto upstream_names = reader.group_names(workflow->key, *upstream, most_upstream_names);
  if (!upstream_names)
    return upstream_names.failure();
  // A gang has a thousand members by design; what is beyond is for `/tasks`.
  constexpr std::size_t most_members = 2000;
  const auto members =
      reader.tasks(workflow->key, group->first_task, std::min<std::size_t>(group->tasks, most_members));
  if (!members)
    return members.failure();
  auto names = json::array();
  json lead = nullptr;
  for (const auto& t : *members) {
    names.push_back(t.name);
    if (t.lead)
      lead = t.name;
  }
  auto body = json_of(*group);
  body["upstream"] = *upstream_names;
  body["upstream_count"] = upstream->size();
  body["lead"] = std::move(lead);
  body["members"] = std::move(names);
  return json_response(200, body);
}

} // namespace

void add_group_routes(http::router& to, const std::shared_ptr<services>& with) {
  add_route(to, with, {"GET", "/v1/workflows/{id}/groups"}, list_groups);
  add_route(to, with, {"GET", "/v1/workflows/{id}/groups/{group}"}, get_group);
}

} // namespace muster::gateway
