#include "actors/runtime.hpp"
#include "gateway/api/body.hpp"
#include "gateway/api/call.hpp"
#include "gateway/api/etag.hpp"
#include "gateway/api/idempotency.hpp"
#include "gateway/api/json.hpp"
#include "gateway/api/problem.hpp"
#include "gateway/api/query.hpp"
#include "gateway/api/routes.hpp"
#include "gateway/api/stored_workflow.hpp"

#include <nlohmann/json.hpp>

namespace muster::gateway {

namespace {

constexpr std::size_t longest_message = 4096;

/// What an action is about to be done to, while nobody else acts on it; the state of the store is let go of.
struct target {
  workflow_turns::turn turn;
  runtime* engine = nullptr;
  store::workflow_record workflow;
  std::optional<http::response> refusal; ///< Set: this is the answer.
};

/// Taken before the store is looked into: what is seen there stays until the turn ends.
result<workflow_turns::turn> turn_of(call& x) {
  const auto id = x.checked_name("id");
  return id ? x.with.turns.take(*id) : result<workflow_turns::turn>{id.failure()};
}

result<target> find_target(call& x) {
  if (auto known = query_reader{x.request}.finish(); !known)
    return known.failure();
  auto turn = turn_of(x);
  if (!turn)
    return turn.failure();
  auto workflow = x.workflow();
  if (!workflow)
    return workflow.failure();
  const auto engine = x.engine();
  if (!engine)
    return engine.failure();
  target out{std::move(*turn), *engine, std::move(*workflow), std::nullopt};
  if (!may_change(x.request, etag_of(out.workflow)))
    out.refusal = problem(x.request.id, "precondition_failed", out.workflow.id + " is not as If-Match says any more");
  x.release();
  return out;
}

http::response under_way(const std::string& id) {
  auto out = json_response(202, {{"id", id}});
  out.headers.emplace("Location", "/v1/workflows/" + id);
  return out;
}

result<http::response> cancel(call& x) {
  const auto body = json_body(x.request, {"message", "force"});
  if (!body)
    return body.failure();
  std::string message;
  bool force = false;
  if (auto taken = take_text(*body, "message", message); !taken)
    return taken.failure();
  if (auto taken = take_flag(*body, "force", force); !taken)
    return taken.failure();
  if (message.size() > longest_message)
    return {ec::limit_exceeded, "'message' is longer than 4096 bytes"};
  auto what = find_target(x);
  if (!what)
    return what.failure();
  if (what->refusal)
    return std::move(*what->refusal);
  if (is_finished(what->workflow.status))
    return {ec::conflict,
            what->workflow.id + " has ended already: it is " + std::string{to_string(what->workflow.status)}};
  if (auto done = what->engine->cancel(what->workflow.key, message, force); !done)
    return done.failure();
  return under_way(what->workflow.id);
}

result<http::response> retry(call& x) {
  const auto body = json_body(x.request, {"from"});
  if (!body)
    return body.failure();
  retry_request request;
  if (auto taken = take_text(*body, "from", request.from); !taken)
    return taken.failure();
  auto what = find_target(x);
  if (!what)
    return what.failure();
  if (what->refusal)
    return std::move(*what->refusal);
  const auto done = what->engine->retry(what->workflow.id, request);
  if (!done)
    return done.failure();
  return under_way(done->id);
}

/// None for what is refused whatever was asked before.
std::optional<std::string> digest_of_restart_request(const call& x) {
  if (!x.request.query.empty() || !json_body(x.request, {}))
    return std::nullopt;
  return digest_of_restart(x.segment("id"));
}

/// A new workflow, as this one was when it was accepted.
result<http::response> restart(call& x) {
  if (const auto body = json_body(x.request, {}); !body)
    return body.failure();
  if (auto known = query_reader{x.request}.finish(); !known)
    return known.failure();
  const auto turn = turn_of(x);
  if (!turn)
    return turn.failure();
  auto once = claim_key(x, digest_of_restart(x.segment("id")));
  if (!once)
    return once.failure();
  const auto workflow = x.workflow();
  if (!workflow)
    return workflow.failure();
  const auto engine = x.engine();
  if (!engine)
    return engine.failure();
  if (!may_change(x.request, etag_of(*workflow)))
    return problem(x.request.id, "precondition_failed", workflow->id + " is not as If-Match says any more");
  auto& reader = **x.state();
  const auto again = rebuild_workflow(reader, *workflow);
  if (!again)
    return again.failure();
  auto text = reader.spec_text(workflow->key);
  if (!text)
    return text.failure();
  x.release();
  auto options = json_of_text(workflow->options);
  if (!options.is_object())
    options = nlohmann::ordered_json::object();
  options["restart_of"] = workflow->id;
  submission_info info;
  info.spec_text = std::move(*text);
  info.profile = workflow->profile;
  info.options = options.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  info.user = x.who.user;
  info.pool = workflow->pool;
  info.priority = workflow->priority;
  nlohmann::ordered_json body{{"id", ""}, {"notes", nlohmann::ordered_json::array()}, {"restart_of", workflow->id}};
  if (*once) {
    (*once)->answer = body.dump();
    info.once = std::move(*once);
  }
  const auto done = (*engine)->submit(*again, std::move(info));
  if (!done)
    return done.failure();
  x.made = done->id;
  if (!done->is_replay)
    body["notes"] = done->notes;
  return accepted(done->id, std::move(body), done->is_replay);
}

/// Gone with its logs and outputs, once it has ended.
result<http::response> remove(call& x) {
  auto what = find_target(x);
  if (!what)
    return what.failure();
  if (what->refusal)
    return std::move(*what->refusal);
  if (auto done = what->engine->remove(what->workflow.id, x.who.user.empty() ? "" : "by " + x.who.user); !done)
    return done.failure();
  http::response out;
  out.status = 204;
  return out;
}

} // namespace

void add_action_routes(http::router& to, const std::shared_ptr<services>& with) {
  add_route(to, with, {"POST", "/v1/workflows/{id}/cancel", access::write, "workflow.cancel"}, cancel);
  add_route(to, with, {"POST", "/v1/workflows/{id}/retry", access::write, "workflow.retry"}, retry);
  add_route(to, with, {"POST", "/v1/workflows/{id}/restart", access::write, "workflow.restart"}, restart,
            [](call& x) { return earlier_answer(x, [&] { return digest_of_restart_request(x); }); });
  add_route(to, with, {"DELETE", "/v1/workflows/{id}", access::write, "workflow.delete"}, remove);
}

} // namespace muster::gateway
