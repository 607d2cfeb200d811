#include "gateway/api/call.hpp"
#include "gateway/api/query.hpp"
#include "gateway/api/routes.hpp"
#include "muster/flow/stored_result.hpp"

#include <string>
#include <utility>

namespace muster::gateway {

namespace {

/// Of the whole workflow, or of the step that the query names: a task, a map, a nested workflow.
result<http::response> get_result(call& x) {
  query_reader query{x.request};
  const auto step = query.text("step");
  if (!step)
    return step.failure();
  if (auto known = query.finish(); !known)
    return known.failure();
  const auto workflow = x.workflow();
  if (!workflow)
    return workflow.failure();
  auto text = flow::stored_result(**x.state(), *workflow, step->value_or(std::string{}));
  if (!text)
    return text.failure();
  http::response out;
  out.headers.emplace("Content-Type", "application/json");
  out.headers.emplace("X-Content-Type-Options", "nosniff");
  out.body = std::move(*text);
  return out;
}

} // namespace

void add_result_routes(http::router& to, const std::shared_ptr<services>& with) {
  add_route(to, with, {"GET", "/v1/workflows/{id}/result"}, get_result);
}

} // namespace muster::gateway
