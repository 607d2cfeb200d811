#include "gateway/api/body.hpp"
#include "gateway/api/call.hpp"
#include "gateway/api/query.hpp"
#include "gateway/api/routes.hpp"
#include "muster/base/log.hpp"

#include <nlohmann/json.hpp>

namespace muster::gateway {

namespace {

using json = nlohmann::ordered_json;

http::response tell() {
  const auto now = log::current_levels();
  auto components = json::object();
  for (const auto& [name, level] : now.components)
    components[name] = to_string(level);
  return json_response(200, {{"level", to_string(now.general)}, {"components", std::move(components)}});
}

result<log::level> level_named(const std::string& text) {
  if (const auto found = log::parse_level(text))
    return *found;
  return {ec::invalid_argument,
          "there is no level '" + text.substr(0, 40) + "': expected debug, info, warn, error or off"};
}

result<http::response> get_levels(call& x) {
  if (auto known = query_reader{x.request}.finish(); !known)
    return known.failure();
  return tell();
}

/// What is not named is at `level` from now on, until the next start or reload.
result<http::response> put_levels(call& x) {
  if (auto known = query_reader{x.request}.finish(); !known)
    return known.failure();
  const auto body = json_body(x.request, {"level", "components"});
  if (!body)
    return body.failure();
  std::string general = "info";
  std::map<std::string, std::string> components;
  if (auto taken = take_text(*body, "level", general); !taken)
    return taken.failure();
  if (auto taken = take_map(*body, "components", components, log::components().size()); !taken)
    return taken.failure();
  log::levels next;
  const auto level = level_named(general);
  if (!level)
    return level.failure();
  next.general = *level;
  for (const auto& [name, text] : components) {
    const auto of_this = level_named(text);
    if (!of_this)
      return of_this.failure();
    next.components.emplace(name, *of_this);
  }
  if (auto set = log::set_levels(std::move(next)); !set)
    return set.failure();
  return tell();
}

} // namespace

void add_log_level_routes(http::router& to, const std::shared_ptr<services>& with) {
  add_route(to, with, {"GET", "/v1/log-levels", access::admin}, get_levels);
  add_route(to, with, {"PUT", "/v1/log-levels", access::admin, "log_levels.set"}, put_levels);
}

} // namespace muster::gateway
