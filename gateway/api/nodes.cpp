#include "actors/runtime.hpp"
#include "gateway/api/body.hpp"
#include "gateway/api/call.hpp"
#include "gateway/api/json.hpp"
#include "gateway/api/query.hpp"
#include "gateway/api/routes.hpp"

#include <nlohmann/json.hpp>

namespace muster::gateway {

namespace {

constexpr std::size_t longest_reason = 1024;

/// `deadline`, in seconds from now.
result<std::optional<timestamp>> take_deadline(const nlohmann::json& body, timestamp now) {
  const auto found = body.find("deadline");
  if (found == body.end() || found->is_null())
    return std::optional<timestamp>{};
  constexpr std::int64_t longest = std::int64_t{366} * 86'400;
  if (!found->is_number_integer() || *found < 0 || *found > longest)
    return error{ec::invalid_argument, "'deadline': expected a whole number of seconds, at most a year"};
  return std::optional{now + std::chrono::seconds{found->get<std::int64_t>()}};
}

result<http::response> assign(call& x, store::node_duty duty) {
  const bool drains = duty == store::node_duty::draining;
  const auto body = drains ? json_body(x.request, {"reason", "deadline"}) : json_body(x.request, {"reason"});
  if (!body)
    return body.failure();
  if (auto known = query_reader{x.request}.finish(); !known)
    return known.failure();
  const auto name = x.checked_name("node");
  if (!name)
    return name.failure();
  node_assignment what{*name, duty};
  if (auto taken = take_text(*body, "reason", what.reason); !taken)
    return taken.failure();
  if (what.reason.size() > longest_reason)
    return {ec::limit_exceeded, "'reason' is longer than 1024 bytes"};
  if (drains) {
    const auto deadline = take_deadline(*body, x.with.now());
    if (!deadline)
      return deadline.failure();
    what.deadline = *deadline;
  }
  const auto engine = x.engine();
  if (!engine)
    return engine.failure();
  if (auto done = (*engine)->assign_node(what); !done)
    return done.failure();
  return json_response(
      202, {{"name", *name}, {"duty", to_string(duty)}, {"reason", what.reason}, {"deadline", json_of(what.deadline)}});
}

result<http::response> remove(call& x) {
  query_reader query{x.request};
  const auto force = query.flag("force");
  if (!force)
    return force.failure();
  if (auto known = query.finish(); !known)
    return known.failure();
  const auto name = x.checked_name("node");
  if (!name)
    return name.failure();
  const auto engine = x.engine();
  if (!engine)
    return engine.failure();
  const auto given_up = (*engine)->remove_node(*name, *force);
  if (!given_up)
    return given_up.failure();
  return json_response(200, {{"name", *name}, {"given_up", *given_up}});
}

} // namespace

void add_node_routes(http::router& to, const std::shared_ptr<services>& with) {
  const auto add = [&](const char* path, const char* audit, store::node_duty duty) {
    add_route(to, with, {"POST", path, access::admin, audit}, [duty](call& x) { return assign(x, duty); });
  };
  add("/v1/nodes/{node}/cordon", "node.cordon", store::node_duty::cordoned);
  add("/v1/nodes/{node}/uncordon", "node.uncordon", store::node_duty::serving);
  add("/v1/nodes/{node}/drain", "node.drain", store::node_duty::draining);
  add_route(to, with, {"DELETE", "/v1/nodes/{node}", access::admin, "node.remove"}, remove);
}

} // namespace muster::gateway
