#include "gateway/api/submit_request.hpp"

#include "actors/runtime.hpp"
#include "gateway/api/call.hpp"
#include "gateway/api/json.hpp"
#include "gateway/api/problem.hpp"
#include "gateway/api/query.hpp"
#include "gateway/api/routes.hpp"
#include "muster/plan/plan.hpp"

#include <nlohmann/json.hpp>

namespace muster::gateway {

namespace {

using json = nlohmann::ordered_json;

/// 422 with everything that is wrong, and where.
http::response refuse_spec(const call& x, const spec::load_outcome& outcome) {
  const auto count = outcome.errors.size();
  return problem(x.request.id, "invalid_spec",
                 count == 0 ? std::string{"the spec cannot be read"}
                            : outcome.errors.front().message +
                                  (count > 1 ? " (and " + std::to_string(count - 1) + " more, see errors)" : ""),
                 {{"errors", json_of(outcome.errors)}, {"warnings", json_of(outcome.warnings)}});
}

result<http::response> submit(call& x) {
  const auto wanted = read_submit_request(x.request);
  if (!wanted)
    return wanted.failure();
  const auto engine = x.engine();
  if (!engine)
    return engine.failure();
  const auto spec = load_spec(*wanted);
  if (!spec.ok())
    return refuse_spec(x, spec);
  const auto accepted =
      (*engine)->submit(*spec.workflow, {wanted->spec, name_of(wanted->profile), options_of(*wanted)});
  if (!accepted)
    return accepted.failure();
  auto out =
      json_response(201, {{"id", accepted->id}, {"notes", accepted->notes}, {"warnings", json_of(spec.warnings)}});
  out.headers.emplace("Location", "/v1/workflows/" + accepted->id);
  return out;
}

} // namespace

void add_submit_routes(http::router& to, const std::shared_ptr<services>& with) {
  add_route(to, with, {"POST", "/v1/workflows", access::write, "workflow.submit"}, submit);
}

} // namespace muster::gateway
