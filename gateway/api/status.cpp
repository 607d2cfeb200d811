#include "actors/runtime.hpp"
#include "gateway/api/call.hpp"
#include "gateway/api/openapi.hpp"
#include "gateway/api/problem.hpp"
#include "gateway/api/query.hpp"
#include "gateway/api/routes.hpp"

#include <nlohmann/json.hpp>

namespace muster::gateway {

namespace {

using json = nlohmann::ordered_json;

result<http::response> get_version(call& x) {
  if (auto known = query_reader{x.request}.finish(); !known)
    return known.failure();
  return json_response(200, {{"version", x.with.version},
                             {"api", "v1"},
                             {"log_id", x.with.log_id.empty() ? json(nullptr) : json(x.with.log_id)}});
}

result<http::response> get_openapi(call& x) {
  if (auto known = query_reader{x.request}.finish(); !known)
    return known.failure();
  http::response out;
  out.headers.emplace("Content-Type", "application/json");
  out.body = openapi_document();
  return out;
}

http::response plain(unsigned status, const std::string& text) {
  http::response out;
  out.status = status;
  out.headers.emplace("Content-Type", "text/plain; charset=utf-8");
  out.body = text;
  return out;
}

/// The process answers.
result<http::response> live(call& x) {
  if (auto known = query_reader{x.request}.finish(); !known)
    return known.failure();
  return plain(200, "ok\n");
}

/// One thing that must be well before requests are sent here.
struct check {
  const char* name;
  std::string problem; ///< Empty: it is well.
};

std::vector<check> checks_of(call& x) {
  std::vector<check> out;
  const auto reader = x.state();
  out.push_back({"store", reader ? "" : "cannot be read"});
  x.release();
  const auto engine = x.engine();
  out.push_back({"runtime", engine ? "" : "has stopped"});
  out.push_back({"recovery", x.with.not_ready()});
  return out;
}

result<http::response> ready(call& x) {
  query_reader query{x.request};
  const auto verbose = query.flag("verbose");
  if (!verbose)
    return verbose.failure();
  if (auto known = query.finish(); !known)
    return known.failure();
  std::string text;
  std::string problems;
  for (const auto& one : checks_of(x)) {
    text += std::string{one.problem.empty() ? "[+]" : "[-]"} + one.name +
            (one.problem.empty() ? " ok" : " " + one.problem) + '\n';
    if (!one.problem.empty())
      problems += (problems.empty() ? "" : "; ") + std::string{one.name} + ": " + one.problem;
  }
  if (problems.empty())
    return plain(200, *verbose ? text : "ok\n");
  return *verbose ? plain(503, text) : problem(x.request.id, "not_ready", problems);
}

} // namespace

void add_status_routes(http::router& to, const std::shared_ptr<services>& with) {
  add_route(to, with, {"GET", "/v1/version"}, get_version);
  add_route(to, with, {"GET", "/v1/openapi.json"}, get_openapi);
  add_route(to, with, {"GET", "/livez", access::open}, live);
  add_route(to, with, {"GET", "/readyz", access::open}, ready);
}

} // namespace muster::gateway
